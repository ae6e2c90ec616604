"""How well the tables are kept: files, manifests, snapshots, and who needs them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.manifest import ManifestContent
from pyiceberg.table import Table as IcebergTable

from expectations.catalog import NOTHING, HistoryGone, consumed, pending
from query.catalog import open_catalog, table_names, unions
from query.settings import Settings
from schemas.lane import readers
from schemas.table import NAMESPACE, Table, table_at

SMALL = 0.75
"""A file below this part of its table's target size is small."""
MOST_MANIFESTS = 20
MOST_METADATA_BYTES = 2_000_000
MOST_SMALL = 1500
"""Two hours of commits each 5 s: upkeep has not come by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One table as its metadata tells it."""

    table: str
    files: int = 0
    small_files: int = 0
    data_bytes: int = 0
    manifests: int = 0
    snapshots: int = 0
    metadata_bytes: int = 0
    head_age_s: int | None = None
    oldest_snapshot: str | None = None
    """When the oldest snapshot that is kept was committed, UTC."""
    oldest_needed: str | None = None
    """The same of the snapshot at which the slowest reader stands."""
    needed_by: str | None = None
    unread_snapshots: int = 0
    """Appends that the slowest reader has yet to read."""
    troubles: tuple[str, ...] = ()


def health(settings: Settings, catalog: Catalog | None = None) -> dict[str, Any]:
    """Return each table's health, what is in no spec, and whether all is well."""
    catalog = catalog or open_catalog(settings)
    now = datetime.now(UTC)
    known = table_names(settings.exchanges)
    there = {name for _, name in catalog.list_tables(NAMESPACE)}
    told = [
        asdict(
            table_health(
                name,
                spec,
                catalog.load_table(f"{NAMESPACE}.{name}"),
                places(spec, exchange, settings),
                now,
            )
        )
        for name, (spec, exchange) in known.items()
        if name in there
    ]
    return {
        "at": now.isoformat(timespec="seconds"),
        "tables": told,
        "missing_tables": sorted(known.keys() - there),
        "stray_tables": stray(catalog, settings),
        "healthy": not any(each["troubles"] for each in told),
    }


def stray(catalog: Catalog, settings: Settings) -> list[str]:
    """Return the tables of the namespace that no spec makes.

    A streaming write whose table is missing creates one, bare: it is seen here.
    """
    known = {*table_names(settings.exchanges), *unions(settings.exchanges)}
    return sorted(
        name for _, name in catalog.list_tables(NAMESPACE) if name not in known
    )


def places(spec: Table, exchange: str, settings: Settings) -> dict[str, Any]:
    """Return where each reader of a table stands, by the reader's name."""
    exchanges = (exchange,) if exchange else settings.exchanges
    return {
        f"{address} of {each}": consumed(
            settings.checkpoints / table_at(address).checkpoint(each)
        )
        for address in readers(spec.address)
        for each in exchanges
    }


def table_health(
    name: str,
    spec: Table,
    table: IcebergTable,
    held: Mapping[str, Any],
    now: datetime,
) -> Health:
    """Return what a table's metadata says, and what is wrong with it."""
    size = len(table.io.new_input(table.metadata_location))
    head = table.current_snapshot()
    if head is None:
        return Health(table=name, metadata_bytes=size)
    manifests = head.manifests(table.io)
    sizes = [
        entry.data_file.file_size_in_bytes
        for manifest in manifests
        if manifest.content == ManifestContent.DATA
        for entry in manifest.fetch_manifest_entry(table.io)
    ]
    least = spec.target_file_mb * 1024 * 1024 * SMALL
    committed = {each.snapshot_id: each.timestamp_ms for each in table.snapshots()}
    who, needed, waiting, lost = slowest(table, held, committed)
    found = Health(
        table=name,
        files=len(sizes),
        small_files=sum(each < least for each in sizes),
        data_bytes=sum(sizes),
        manifests=len(manifests),
        snapshots=len(committed),
        metadata_bytes=size,
        head_age_s=int(now.timestamp() - head.timestamp_ms / 1000),
        oldest_snapshot=told(min(committed.values())),
        oldest_needed=told(needed),
        needed_by=who,
        unread_snapshots=waiting,
    )
    return Health(**{**asdict(found), "troubles": (*lost, *troubles(found))})


def slowest(
    table: IcebergTable, held: Mapping[str, Any], committed: Mapping[int, int]
) -> tuple[str | None, int | None, int, list[str]]:
    """Return who is furthest behind, where, how much is unread, and who is lost."""
    who, needed, waiting, lost = None, None, 0, []
    for name, place in held.items():
        try:
            unread = len(pending(table, place))
        except HistoryGone:
            lost.append(f"history gone: {name}")
            continue
        # One that has read nothing needs all there is.
        moment = committed.get(place.snapshot_id, min(committed.values()))
        if needed is None or moment < needed:
            who, needed = name, moment
            if place.snapshot_id == NOTHING:
                who = f"{name}, which has read nothing"
        waiting = max(waiting, unread)
    return who, needed, waiting, lost


def troubles(found: Health) -> Sequence[str]:
    """Return what upkeep should have mended, in words."""
    said = []
    if found.manifests > MOST_MANIFESTS:
        said.append(f"more than {MOST_MANIFESTS} manifests")
    if found.metadata_bytes > MOST_METADATA_BYTES:
        said.append(f"metadata above {MOST_METADATA_BYTES // 1_000_000} MB")
    if found.small_files > MOST_SMALL:
        said.append(f"more than {MOST_SMALL} small files")
    return said


def told(milliseconds: int | None) -> str | None:
    """Return a moment as text; None stays None."""
    if milliseconds is None:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="seconds")
