"""Old snapshots go, but none that a reader or an unended batch still needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import SparkSession

from schemas.table import CATALOG
from spark_apps.checkpoint import NOTHING
from spark_apps.streams import Snapshot
from spark_apps.upkeep.needs import Reader, needed, unread
from spark_apps.upkeep.utc import at_ms, literal, ms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """Which snapshots of a table may go, and why the others may not."""

    older_than_ms: int = 0
    snapshots: int = 0
    """How many go; nothing is asked of Spark for none."""
    held_by: str = ""
    """Who needs the oldest that stays; empty if only its age keeps it."""


def planned(
    line: Sequence[Snapshot],
    held: Sequence[Reader],
    ended: Mapping[str, int],
    now: datetime,
    keep: timedelta,
) -> Expiry:
    """Return what may expire of a history, the head first.

    A reader that has read nothing holds all of it: snapshots that expire before its
    first batch are missed without an error. `keep` is the age that is always kept.

    Raises:
        HistoryGone: what a reader needs has expired already; nothing more may go.
    """
    unread(line, held)
    for reader in held:
        if line and reader.position.snapshot_id == NOTHING:
            return Expiry(held_by=f"{reader.name}, which has read nothing yet")
    older_than, held_by = ms_of(now - keep), ""
    who = needed(line, held, ended)
    newest_first = list(line)
    for place, snapshot in enumerate(newest_first):
        if snapshot.snapshot_id in who:
            # Clocks of several hosts differ: no descendant may be older than the bound.
            oldest = min(each.committed_ms for each in newest_first[: place + 1])
            if oldest < older_than:
                older_than, held_by = oldest, who[snapshot.snapshot_id]
    stay = 0
    while stay < len(line) and line[stay].committed_ms >= older_than:
        stay += 1
    # Iceberg keeps the head, however old.
    gone = len(line) - max(stay, 1) if line else 0
    return Expiry(older_than_ms=older_than, snapshots=gone, held_by=held_by)


def expire(spark: SparkSession, identifier: str, plan: Expiry) -> int:
    """Expire what was planned; return how many files of rows were deleted with it."""
    if not plan.snapshots:
        return 0
    # CALL takes literals only. A snapshot exactly at the bound stays.
    row = spark.sql(f"""
        CALL {CATALOG}.system.expire_snapshots(
          table => '{identifier}',
          older_than => {literal(at_ms(plan.older_than_ms))},
          retain_last => 1,
          stream_results => true)
        """).first()
    assert row is not None
    return int(row.deleted_data_files_count)
