"""Checkpoints move: all of them to another place, or one of them out of the way."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pyarrow.fs import FileSelector, FileType

from expectations.places import Folder, within

AT_ONCE = 8
PATIENCE_S = 60


class MoveRefused(Exception):
    """The move would lose notes, or did not succeed; the message says what to do."""


def move(source: Folder, target: Folder, mark: Path) -> Mapping[str, int | str]:
    """Make the target hold the notes of the source, exactly; return the report.

    Only once each file was read back, the mark names the target; only then the source
    is emptied. Whoever is killed in between may begin again: the mark tells which of
    the two places holds.

    Raises:
        MoveRefused: the source has no notes and the target has, or a file differs.
    """
    have, there = notes(source), notes(target)
    if there and not have:
        raise MoveRefused(
            f"{source} holds no checkpoints, and {target} does: if those are the "
            f"newest, write that place into {mark}"
        )
    empty(target)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        moved = dict(zip(have, threads.map(lambda n: copy(source, target, n), have)))
        wrong = [
            name
            for name, same in zip(
                have, threads.map(lambda n: read(target, n) == moved[n], have)
            )
            if not same
        ]
    if wrong or notes(target) != have:
        raise MoveRefused(
            f"{target} does not hold what was written, such as {wrong[:1] or 'all'}: "
            f"nothing was changed in {source}; run the same command again"
        )
    new = mark.with_name(f"{mark.name}.new")
    new.write_text(str(target))
    new.replace(mark)
    empty(source)
    return {"from": str(source), "to": str(target), "files": len(have)}


def set_aside(folder: Folder) -> tuple[Folder, Folder]:
    """Move one checkpoint out of the way, and return from where to where."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    name = f"checkpoints-set-aside/{folder.name}-{now}"
    if isinstance(folder, Path):
        aside = folder.parent.parent / name
        aside.parent.mkdir(parents=True, exist_ok=True)
        return folder, folder.rename(aside)
    home = folder.url.rstrip("/").rsplit("/", 2)[0]
    there = replace(folder, url=f"{home}/{name}")
    for note in notes(folder):
        copy(folder, there, note)
    system, root = within(folder)
    system.delete_dir(root)
    return folder, there


def notes(folder: Folder) -> set[str]:
    """Return the files below a folder, but no hidden ones.

    Those are checksums of Hadoop's for files on a disk, and writes that never ended.
    """
    system, root = within(folder)
    found = system.get_file_info(
        FileSelector(root, allow_not_found=True, recursive=True)
    )
    return {
        each.path[len(root) :].lstrip("/")
        for each in found
        if each.type is FileType.File and not each.base_name.startswith(".")
    }


def copy(source: Folder, target: Folder, name: str) -> bytes:
    """Copy one file, and return what was in it."""
    said = read(source, name)
    system, root = within(target)
    path = f"{root}/{name}"
    if isinstance(target, Path):
        system.create_dir(path.rpartition("/")[0], recursive=True)
    with system.open_output_stream(path) as file:
        file.write(said)
    return said


def read(folder: Folder, name: str) -> bytes:
    """Return what is in a file.

    A store that has just begun lists its files seconds before it can read them.
    """
    system, root = within(folder)
    given_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            with system.open_input_file(f"{root}/{name}") as file:
                return bytes(file.read())
        except FileNotFoundError:
            raise
        except OSError:
            if time.monotonic() > given_up:
                raise
        time.sleep(1)


def empty(folder: Folder) -> None:
    system, root = within(folder)
    system.delete_dir_contents(root, missing_dir_ok=True)
