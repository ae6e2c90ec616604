"""Which snapshot of a table was the current one at a time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from query.reading.refused import QueryRefused

NOTHING = 0
"""Stands for the time before a table's first commit, when it had no row."""
SLACK = timedelta(seconds=5)
"""By how much the clock of who asks may be ahead of ours."""


def moment_of(said: str | datetime) -> datetime:
    """Return the time that was named, in UTC unless it says otherwise.

    Raises:
        QueryRefused: it is none, or is yet to come.
    """
    try:
        moment = said if isinstance(said, datetime) else datetime.fromisoformat(said)
    except ValueError:
        raise QueryRefused(
            f"{said!r} is no time: write it as 2026-11-05, '2026-11-05 14:00' (UTC) "
            "or 2026-11-05T14:00:00+01:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment > datetime.now(UTC) + SLACK:
        raise QueryRefused(
            f"{written(moment)} is yet to come: what the tables will be nobody knows"
        )
    return moment


def snapshot_at(name: str, table: Table, moment: datetime) -> int:
    """Return the snapshot that was current then; NOTHING before the first commit.

    Raises:
        QueryRefused: upkeep has removed it; the message names the oldest that is kept.
    """
    found = table.snapshot_as_of_timestamp(int(moment.timestamp() * 1000))
    if found is not None:
        return found.snapshot_id
    oldest = oldest_kept(table)
    # Who expires snapshots may cut the next one's parent off: commits are counted.
    if oldest is None or oldest.sequence_number == 1:
        return NOTHING
    raise QueryRefused(f"{name} {goes_back(oldest)}, and not to {written(moment)}")


def snapshot_named(name: str, table: Table, snapshot_id: int) -> int:
    """Return the id, if it is kept.

    Raises:
        QueryRefused: it is not; the message names the oldest that is kept.
    """
    if snapshot_id == NOTHING or table.snapshot_by_id(snapshot_id) is not None:
        return snapshot_id
    oldest = oldest_kept(table)
    kept = goes_back(oldest) if oldest else "has no snapshot yet"
    raise QueryRefused(f"{name} has no snapshot {snapshot_id}: it {kept}")


def oldest_kept(table: Table) -> Snapshot | None:
    """Return the oldest snapshot of the table's own line."""
    kept = [table.snapshot_by_id(entry.snapshot_id) for entry in table.history()]
    return next((snapshot for snapshot in kept if snapshot is not None), None)


def goes_back(oldest: Snapshot) -> str:
    return f"goes back to {written(time_of(oldest))} (snapshot {oldest.snapshot_id})"


def time_of(snapshot: Snapshot) -> datetime:
    """Return when it was committed, in UTC."""
    return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def committed_at(
    tables: Iterable[tuple[str, Table]], snapshot_id: int
) -> tuple[str, datetime]:
    """Return whose snapshot it is, by name, and when it was committed.

    Raises:
        QueryRefused: no table has it.
    """
    for name, table in tables:
        found = table.snapshot_by_id(snapshot_id)
        if found is not None:
            return name, time_of(found)
    raise QueryRefused(
        f"no table has a snapshot {snapshot_id}: upkeep may have removed it; a time "
        "may be named instead"
    )
