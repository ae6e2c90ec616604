"""Whether wider candles are owed anything by the candles of one minute."""

from collections.abc import Iterator, Mapping

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from expectations.catalog import open_catalog
from schemas.table import table_at

ROLLED_TO, SPANS = "bullion.rolled-to", "bullion.spans"
"""What the roll-up, and each commit of minutes, leave in a snapshot's summary."""


def candles_owed(reads: str, writes: str, env: Mapping[str, str]) -> int:
    """Return how many commits of the minutes the widest candles know nothing of."""
    catalog = open_catalog(env)
    minutes, widest = (
        catalog.load_table(table_at(address).identifier())
        for address in (reads, writes)
    )
    reached = noted(widest, ROLLED_TO)
    owed = 0
    for snapshot_id, said in line(minutes):
        if snapshot_id == reached:
            break
        owed += SPANS in said
    return owed


def noted(table: Table, name: str) -> int | None:
    """Return the snapshot that a table's newest note of this name tells of."""
    return next((int(said[name]) for _, said in line(table) if name in said), None)


def line(table: Table) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each kept snapshot with what its writer said, the newest first."""
    at: Snapshot | None = table.current_snapshot()
    while at is not None:
        said = at.summary.additional_properties if at.summary else {}
        yield at.snapshot_id, said
        parent = at.parent_snapshot_id
        at = table.snapshot_by_id(parent) if parent else None
