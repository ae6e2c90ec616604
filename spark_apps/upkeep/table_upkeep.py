"""One table's upkeep: what is due is planned from metadata, then done, then told."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from expectations.places import Folder
from schemas.table import Table
from spark_apps.streams import history
from spark_apps.upkeep import compaction, expiry, manifests, orphans, retention
from spark_apps.upkeep.keep import Keep
from spark_apps.upkeep.needs import ended_batches, readers_of, unread
from spark_apps.upkeep.partition import TimePartition

log = logging.getLogger(__name__)
TRIES = 3
Figures = dict[str, int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A table of the catalog, and what decides how it is kept."""

    table: Table
    identifier: str
    exchanges: tuple[str, ...]
    """Whose rows it holds: one exchange's, or those of all."""
    checkpoints: Folder
    keep: Keep


def maintain(spark: SparkSession, kept: Kept, now: datetime) -> Figures:
    """Compact, rewrite manifests and expire, where due; return what was done.

    Raises:
        HistoryGone: a reader's history has expired; nothing more was.
    """
    return {
        **compact(spark, kept, now),
        **merge_manifests(spark, kept),
        **expire(spark, kept, now),
    }


def retain(spark: SparkSession, kept: Kept, now: datetime) -> Figures:
    """Drop the partitions that are too old, but none with unread rows.

    Raises:
        HistoryGone: what is unread cannot be told.
        FilesCut: the deletion was not of whole partitions.
    """
    keep, cut = kept.keep.rows[kept.table.address], TimePartition.of(kept.table)
    if keep is None or cut is None:
        return {"dropped_partitions": 0}
    # The readers first: they may go on while the history is read, and never back.
    held = readers_of(kept.table, kept.exchanges, kept.checkpoints)
    waiting = unread(history(spark, kept.identifier), held)
    partitions = retention.unread_partitions(spark, kept.identifier, cut, waiting)
    first = retention.first_kept(cut, keep, now, partitions)
    found = retention.expired_partitions(spark, kept.identifier, cut, first)
    if found:
        retention.drop(spark, kept.identifier, cut, first)
    owed = first < cut.holding(now - keep)
    return {
        "dropped_partitions": found,
        "first_kept": cut.begin(first).isoformat(),
        **({"held_by": "rows that a reader has yet to read"} if owed else {}),
    }


def sweep(
    spark: SparkSession, kept: Kept, now: datetime, delete: bool
) -> dict[str, object]:
    """Return the orphans of a table, deleted if that was asked."""
    found = orphans.sweep(spark, kept.identifier, kept.keep.orphans, now, delete)
    return {"orphans": found.found, "deleted": found.deleted, "some": list(found.some)}


def compact(spark: SparkSession, kept: Kept, now: datetime) -> Figures:
    """Rewrite the small files of what is closed, as much as one run may."""
    cut = TimePartition.of(kept.table)
    if cut is None:
        return {}
    age = kept.keep.rows[kept.table.address]
    due = compaction.planned(
        kept.table,
        cut,
        compaction.files_of(spark, kept.identifier, kept.table, cut),
        now,
        None if age is None else cut.holding(now - age),
    )
    todo = compaction.affordable(due)
    done = [compaction.rewrite(spark, kept.identifier, cut, each) for each in todo]
    return {
        "rewritten_files": sum(each.files for each in done),
        "into_files": sum(each.into for each in done),
        "rewritten_bytes": sum(each.bytes for each in done),
        "conflicts": sum(each.failed for each in done),
        "put_off": len(due) - len(todo),
    }


def merge_manifests(spark: SparkSession, kept: Kept) -> Figures:
    """Rewrite the manifests of a table that has many."""
    before = manifests.count(spark, kept.identifier)
    if before <= manifests.MANY:
        return {"manifests": before}
    again(lambda: manifests.rewrite(spark, kept.identifier))
    return {
        "manifests": manifests.count(spark, kept.identifier),
        "manifests_before": before,
    }


def expire(spark: SparkSession, kept: Kept, now: datetime) -> Figures:
    """Expire the snapshots that nobody needs, and say who holds the others."""
    # Notes first, history second: a reader that goes on meanwhile is in both.
    ended = ended_batches(kept.checkpoints)
    held = readers_of(kept.table, kept.exchanges, kept.checkpoints)
    line = history(spark, kept.identifier)
    plan = expiry.planned(line, held, ended, now, kept.keep.history(kept.table))
    files = expiry.expire(spark, kept.identifier, plan)
    return {
        "snapshots": len(line) - plan.snapshots,
        "expired_snapshots": plan.snapshots,
        "deleted_files": files,
        **({"held_by": plan.held_by} if plan.held_by else {}),
    }


def again(act: Callable[[], None]) -> None:
    """Do something that another commit may undo; try it TRIES times at most.

    Raises:
        PySparkException: of the last try, or Py4JError in a driver of our own.
    """
    for left in reversed(range(TRIES)):
        try:
            act()
        except (PySparkException, Py4JError) as error:
            if not left:
                raise
            log.warning("met another commit, tries again: %s", first_line(error))
            time.sleep(1)
        else:
            return


def first_line(error: BaseException) -> str:
    """Return what an error says, without the stack of another language."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    return said[0] if said else type(error).__name__
