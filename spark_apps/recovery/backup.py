"""A backup: the checkpoints and the catalog of one moment, in one folder, checked.

The checkpoints are copied first and the catalog is dumped after. So the tables of a
backup are never behind its checkpoints: what a stream has noted as done lies in them.
What they hold beyond that is known by their marks, so that nothing has to stand still.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from expectations.places import Folder
from spark_apps.checkpoint import Checkpoint
from spark_apps.recovery.database import Database, pointers
from spark_apps.relocation import notes, read

STAMP = "%Y-%m-%dT%H-%M-%SZ"
MANIFEST, CHECKPOINTS = "manifest.json", "checkpoints"
DUMP, SCHEMAS = "catalog.sql", "registry.sql"
ORDER = ("commits", "offsets", "sources")
"""A stream notes a batch in `offsets` first: each copied commit has its offset."""


class BackupDamaged(Exception):
    """A backup is not what its manifest says; the message names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One backup that was found whole."""

    folder: Path
    taken_at: datetime

    @property
    def dump(self) -> Path:
        return self.folder / DUMP

    @property
    def schemas(self) -> Path | None:
        """The dump of the schema registry, if there is one."""
        found = self.folder / SCHEMAS
        return found if found.is_file() else None

    def checkpoint(self, name: str) -> Path | None:
        """Return the copy of a stream's checkpoint, if there is one."""
        found = self.folder / CHECKPOINTS / name
        return found if found.is_dir() else None


def take(
    checkpoints: Folder,
    catalog: Database,
    registry: Database | None,
    folder: Path,
    now: datetime,
) -> Mapping[str, Any]:
    """Put a new backup into the folder, whole or not at all; return its manifest."""
    stamp = now.astimezone(UTC).strftime(STAMP)
    new = folder / f".{stamp}"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True, mode=0o700)
    for one in checkpoints.glob("[a-z]*"):
        copied(one, new / CHECKPOINTS / one.name)
    catalog.dump(new / DUMP)
    if registry:
        registry.dump(new / SCHEMAS)
    manifest = {
        "taken_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "tables": pointers(new / DUMP),
        "streams": {
            one.name: standing(Checkpoint(one))
            for one in sorted((new / CHECKPOINTS).glob("*"))
        },
        "files": {
            str(file.relative_to(new)): sealed(file)
            for file in sorted(new.rglob("*"))
            if file.is_file()
        },
    }
    (new / MANIFEST).write_text(json.dumps(manifest, indent=1))
    new.rename(folder / stamp)
    return {**manifest, "folder": str(folder / stamp)}


def copied(checkpoint: Folder, to: Path) -> None:
    """Copy what a stream needs to go on, while it may be running."""
    for name in ORDER:
        for note in sorted(notes(checkpoint / name), reverse=True):
            copy(checkpoint, f"{name}/{note}", to)
    copy(checkpoint, "metadata", to)
    # Batches that ended meanwhile: the copy is of the moment before.
    last = Checkpoint(to).last_batch
    for file in (to / "offsets").glob("[0-9]*"):
        if int(file.name) > last + 1:
            file.unlink()


def copy(checkpoint: Folder, name: str, to: Path) -> None:
    """Copy one note; Spark deletes those of old batches meanwhile."""
    try:
        content = read(checkpoint, name)
    except FileNotFoundError:
        return
    (to / name).parent.mkdir(parents=True, exist_ok=True)
    (to / name).write_bytes(content)


def standing(checkpoint: Checkpoint) -> Mapping[str, object]:
    """Return how far a stream was, for whoever reads the manifest."""
    if not checkpoint.exists:
        return {}
    last = checkpoint.last_batch
    noted = checkpoint.path / "offsets" / str(last)
    return {
        "query_id": checkpoint.query_id,
        "ended_batch": last,
        "begun_batch": checkpoint.begun_batch,
        "read_to": noted.read_text().splitlines()[-1] if noted.exists() else "",
    }


def sealed(file: Path) -> Mapping[str, object]:
    """Return by what a file is known again."""
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": sha256(content).hexdigest()}


def opened(folder: Path) -> Backup:
    """Return a backup, each of its files compared with the manifest.

    Raises:
        BackupDamaged: it has no manifest, or a file differs.
    """
    if not (folder / MANIFEST).is_file():
        raise BackupDamaged(f"{folder} has no {MANIFEST}: it is no backup")
    manifest = json.loads((folder / MANIFEST).read_text())
    for name, seal in manifest["files"].items():
        file = folder / name
        if not file.is_file() or sealed(file) != seal:
            raise BackupDamaged(f"{file} is not as the manifest says: take another one")
    return Backup(folder=folder, taken_at=datetime.fromisoformat(manifest["taken_at"]))


def all_backups(folder: Path) -> tuple[Path, ...]:
    """Return the folders of all backups, the newest first."""
    return tuple(sorted(folder.glob("[0-9]*T*Z"), reverse=True))


def forget(folder: Path, kept_for: timedelta, now: datetime) -> tuple[Path, ...]:
    """Delete the backups that are older, never the newest; return which they were."""
    gone = []
    for old in all_backups(folder)[1:]:
        taken = datetime.strptime(old.name, STAMP).replace(tzinfo=UTC)
        if now - taken > kept_for:
            shutil.rmtree(old)
            gone.append(old)
    return tuple(gone)
