"""The tables' metadata, read without Spark: snapshots, and the files each added."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Snapshot

from expectations.places import Folder
from schemas.table import CATALOG

NOTHING = -1
"""The snapshot id of a reader that has read nothing yet."""


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a stream has read: some files of one snapshot."""

    snapshot_id: int = NOTHING
    files: int = 0


class HistoryGone(Exception):
    """Snapshots expired under a reader: stop, and call a person."""


def open_catalog(env: Mapping[str, str]) -> SqlCatalog:
    """Return the catalog that the settings name; KeyError names what they lack."""
    user, password = env["BULLION_CATALOG_USER"], env["BULLION_CATALOG_PASSWORD"]
    return SqlCatalog(
        CATALOG,
        **{
            "uri": f"postgresql+psycopg2://{user}:{password}@{env['BULLION_CATALOG']}",
            "init_catalog_tables": "false",
            # A connection may have died with a server that is back by now.
            "pool_pre_ping": "true",
            "warehouse": env["BULLION_WAREHOUSE"],
            "s3.endpoint": env["BULLION_S3_ENDPOINT"],
            "s3.access-key-id": env["BULLION_S3_ACCESS_KEY"],
            "s3.secret-access-key": env["BULLION_S3_SECRET_KEY"],
            "s3.region": env["BULLION_S3_REGION"],
        },
    )


def consumed(checkpoint: Folder) -> Position:
    """Return up to where a reader has ended its batches, by Spark's own notes."""
    done = [int(file.name) for file in (checkpoint / "commits").glob("[0-9]*")]
    if not done:
        return Position()
    lines = (checkpoint / "offsets" / str(max(done))).read_text().splitlines()
    offset = json.loads(lines[-1])
    return Position(int(offset["snapshot_id"]), int(offset["position"]))


def pending(table: Table, position: Position) -> tuple[Snapshot, ...]:
    """Return the snapshots behind a reader's position that brought rows, newest first.

    The snapshot of the position is among them, whole, while the reader has only some of
    its files: it did not note which.

    Raises:
        HistoryGone: the position, or what followed it, has expired.
    """
    new: list[Snapshot] = []
    at = table.current_snapshot()
    while at:
        reached = at.snapshot_id == position.snapshot_id
        if added_files(at) > (position.files if reached else 0):
            new.append(at)
        if reached:
            return tuple(new)
        if at.parent_snapshot_id is None:
            # pyiceberg takes the parent's id away when the parent expires.
            whole = (at.sequence_number or 1) == 1
            at = None
        else:
            at = table.snapshot_by_id(at.parent_snapshot_id)
            whole = at is not None
        if not whole:
            raise gone(table, position)
    if position.snapshot_id != NOTHING:
        raise gone(table, position)
    return tuple(new)


def gone(table: Table, position: Position) -> HistoryGone:
    return HistoryGone(
        f"{'.'.join(table.name())}: snapshots behind {position.snapshot_id} have "
        "expired, and a reader needs them: stop its lane and restore the checkpoint"
    )


def added_files(snapshot: Snapshot) -> int:
    """Return how many files of new rows a snapshot brought."""
    summary = snapshot.summary
    if summary is None or summary.operation != Operation.APPEND:
        return 0
    return int(summary.additional_properties.get("added-data-files", 0))


@dataclass(frozen=True, slots=True)
class Added:
    """What one snapshot added: files, and what its writer noted in the summary."""

    files: tuple[str, ...]
    notes: Mapping[str, str]


def added_by(table: Table, snapshot: Snapshot) -> Added:
    """Return the data files that a snapshot added, by the manifests it wrote."""
    files = [
        entry.data_file.file_path
        for manifest in snapshot.manifests(table.io)
        if manifest.added_snapshot_id == snapshot.snapshot_id
        for entry in manifest.fetch_manifest_entry(table.io)
        if entry.status == ManifestEntryStatus.ADDED
        and entry.snapshot_id == snapshot.snapshot_id
    ]
    assert snapshot.summary is not None
    return Added(tuple(files), snapshot.summary.additional_properties)
