"""Partitions that are older than a table keeps go, whole, and never unread ones."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import uuid4

from pyspark.sql import SparkSession

from schemas.table import CATALOG
from spark_apps.marks import PREFIX
from spark_apps.streams import history
from spark_apps.upkeep.partition import TimePartition
from spark_apps.upkeep.utc import literal, require_utc

MARK = f"spark.sql.iceberg.snapshot-property.{PREFIX}retention"


class FilesCut(Exception):
    """A deletion rewrote files, which stops every stream that reads the table."""


def first_kept(
    cut: TimePartition, keep: timedelta, now: datetime, unread: Collection[int]
) -> int:
    """Return the oldest partition that stays, by its number.

    A partition stays while any moment of it is younger than `keep`, or while rows lie
    in it, or in an older one, that a reader has yet to read.
    """
    return min((cut.holding(now - keep), *unread))


def unread_partitions(
    spark: SparkSession,
    identifier: str,
    cut: TimePartition,
    snapshots: Collection[int],
) -> frozenset[int]:
    """Return the partitions to which these snapshots brought rows."""
    if not snapshots:
        return frozenset()
    # All manifests that are kept: a compaction may have replaced the files meanwhile.
    rows = spark.sql(f"""
        SELECT DISTINCT {cut.number("data_file.partition")} AS number
        FROM {CATALOG}.{identifier}.all_entries
        WHERE status = 1 AND snapshot_id IN ({", ".join(map(str, snapshots))})
        """).collect()
    return frozenset(row.number for row in rows)


def expired_partitions(
    spark: SparkSession, identifier: str, cut: TimePartition, first: int
) -> int:
    """Return how many partitions lie before the first that stays."""
    row = spark.sql(f"""
        SELECT count(*) AS n FROM {CATALOG}.{identifier}.partitions
        WHERE {cut.number("partition")} < {first}
        """).first()
    assert row is not None
    return int(row.n)


def drop(spark: SparkSession, identifier: str, cut: TimePartition, first: int) -> None:
    """Delete every partition before one, by metadata alone.

    Raises:
        NotUtc: day bounds of the session's zone would cut partitions.
        FilesCut: it was an overwrite all the same; the message says what to do.
    """
    require_utc(spark)
    before = {each.snapshot_id for each in history(spark, identifier)}
    told = str(uuid4())
    # A deletion by metadata does not take the mark (Iceberg 1.12.0), a rewrite does.
    spark.conf.set(MARK, told)
    try:
        spark.sql(
            f"DELETE FROM {CATALOG}.{identifier} "
            f"WHERE `{cut.column}` < {literal(cut.begin(first))}"
        ).collect()
    finally:
        spark.conf.unset(MARK)
    rows = spark.sql(f"""
        SELECT snapshot_id, operation,
               coalesce(summary['{PREFIX}retention'], '') AS mark
        FROM {CATALOG}.{identifier}.snapshots
        """).collect()
    made = [row for row in rows if row.snapshot_id not in before]
    for row in made:
        if row.mark == told and row.operation != "delete":
            raise FilesCut(
                f"snapshot {row.snapshot_id} of {identifier} is no deletion of whole "
                f"partitions but an {row.operation}, at which its readers stop: see "
                "docs/runbooks/upkeep.md before anything else commits"
            )
    if not any(row.operation == "delete" for row in made):
        raise FilesCut(f"the deletion in {identifier} left no snapshot of its own")
