"""A table of a backup: rolled forward as restore does it, then asked for its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as Committed

from spark_apps.recovery.drill.objects import (
    UNREADABLE,
    DataFile,
    Objects,
    answering,
    line_of,
    notes,
)
from spark_apps.recovery.heads import NoHead, NotRead, head

OPENED = 2
"""Files of a table that are opened, the newest; of all others the size is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of one table of a backup."""

    name: str
    state: str
    """`as then`: as it was at the backup; `newest`: it can be brought to its newest
    state alone; `lost`: it cannot be read; `absent`: nobody has written it yet."""
    files: int = 0
    """Files of rows that were asked for."""
    rows_then: int | None = None
    rows: int = 0
    """Rows of the newest state."""
    note: str = ""
    table: Table | None = None

    @property
    def is_lost(self) -> bool:
        return self.state == "lost"


def found(
    name: str,
    pointer: str,
    catalog: Catalog,
    objects: Objects,
    taken_ms: int,
    keep: timedelta,
) -> Found:
    """Return how a table is, the scratch catalog pointed at its newest metadata.

    `pointer` is where the backup had its metadata, empty if it did not know it. What is
    lost is looked for again: it may have expired between two questions.
    """
    asked = (name, pointer, catalog, objects, taken_ms, keep)
    once = looked(*asked)
    return looked(*asked) if once.is_lost else once


def looked(
    name: str,
    pointer: str,
    catalog: Catalog,
    objects: Objects,
    taken_ms: int,
    keep: timedelta,
) -> Found:
    """Return how a table is, by one look."""
    folder = pointer.rpartition("/metadata/")[0] or (
        f"{objects.warehouse}/{name.replace('.', '/')}"
    )
    try:
        newest = head(objects, folder, pointer)
        if newest is None:
            return Found(name=name, state="absent", note="nobody has written it")
        table = pointed(catalog, name, newest.location)
        then = then_of(table, objects, pointer, taken_ms)
        asked, fault = missing(objects, folder, table.current_snapshot(), then)
    except (NoHead, NotRead) as why:
        return Found(name=name, state="lost", note=str(why))
    known = {
        "name": name,
        "files": asked,
        "rows": rows(table.current_snapshot()) or 0,
        "table": table,
    }
    if fault:
        return Found(**known, state="lost", note=fault)
    if then is None and not is_younger(table, taken_ms):
        hours = keep.total_seconds() / 3600
        said = f"what it was then has expired (kept {hours:g} h)"
        return Found(**known, state="newest", note=said)
    return Found(**known, state="as then", rows_then=rows(then) or 0)


def pointed(catalog: Catalog, name: str, location: str) -> Table:
    """Let the scratch catalog say that a table's metadata is there; return the table.

    Raises:
        NotRead: it cannot be opened so.
    """
    try:
        try:
            catalog.drop_table(name)
        except NoSuchTableError:
            catalog.create_namespace_if_not_exists(name.rpartition(".")[0])
        with answering():
            return catalog.register_table(name, location)
    except UNREADABLE as why:
        raise NotRead(f"{location} does not open through the catalog: {why}") from why


def then_of(
    table: Table, objects: Objects, pointer: str, taken_ms: int
) -> Committed | None:
    """Return the snapshot that a table stood at when it was backed up, if it is kept.

    Metadata files go after twenty commits: then the last commit before it tells.
    """
    if pointer:
        try:
            said = objects.metadata(pointer)
            taken_ms = max(taken_ms, said.updated_ms)
        except NotRead:
            # Gone by now, as is usual: the time of the backup has to do.
            pass
    for each in line_of(table):
        if each.committed_ms <= taken_ms:
            return table.snapshot_by_id(each.snapshot_id)
    return None


def is_younger(table: Table, taken_ms: int) -> bool:
    """Return whether all that a table ever had came after the backup."""
    line = line_of(table)
    return not line or line[-1].parent_id is None


def missing(
    objects: Objects, folder: str, *snapshots: Committed | None
) -> tuple[int, str]:
    """Return how many files these snapshots stand on, and what is wrong with any.

    Each is looked for by its location and size; the newest ones are opened.
    """
    wanted: dict[str, DataFile] = {}
    for snapshot in snapshots:
        if snapshot is not None:
            wanted |= {each.location: each for each in objects.files(snapshot)}
    there = objects.sizes(f"{folder}/data")
    gone = sorted(name for name in wanted if name not in there)
    if gone:
        return len(wanted), f"{len(gone)} of {len(wanted)} files are gone: {gone[0]}"
    for name, file in wanted.items():
        if there[name] != file.bytes:
            return len(wanted), (
                f"{name} has {there[name]} bytes, and should have {file.bytes}"
            )
    for file in list(wanted.values())[:OPENED]:
        held = objects.rows_in(file.location)
        if held != file.rows:
            return len(wanted), (
                f"{file.location} has {held} rows, and should have {file.rows}"
            )
    return len(wanted), ""


def rows(snapshot: Committed | None) -> int | None:
    """Return how many rows a snapshot has, by its own summary."""
    return int(notes(snapshot).get("total-records", 0)) if snapshot else None


def by_name(tables: Sequence[Found]) -> Mapping[str, Table]:
    """Return the tables that could be opened, by their names."""
    return {each.name: each.table for each in tables if each.table is not None}
