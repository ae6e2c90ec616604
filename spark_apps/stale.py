"""Finds a checkpoint that is older than the tables which its stream has written."""

from collections.abc import Sequence

from pyspark.sql import SparkSession

from schemas.table import CATALOG
from spark_apps.checkpoint import Checkpoint
from spark_apps.marks import landed


class CheckpointOld(Exception):
    """The tables know more of a stream than its checkpoint does: rows would repeat."""


def require_newest(
    spark: SparkSession, identifiers: Sequence[str], checkpoint: Checkpoint
) -> None:
    """Return if no table has a batch of this stream that the checkpoint never began.

    A checkpoint out of a backup counts on from its own day. It would write under
    numbers that are taken, and the marks of those days would be found for new rows.

    Raises:
        CheckpointOld: the message says what to do.
    """
    newer = landed(spark, identifiers, checkpoint.query_id, checkpoint.newest_batch)
    if newer:
        raise CheckpointOld(
            f"{checkpoint.path} ends at batch {checkpoint.newest_batch}, and "
            f"{newer[-1].identifier} has its batch {newer[-1].batch_id}: "
            "it is an old copy. Roll it forward: ./bullion down, ./bullion restore"
        )


def sink_is_ahead(spark: SparkSession, identifier: str, checkpoint: Checkpoint) -> bool:
    """Return whether a table has a batch that a `toTable` stream never began.

    Iceberg passes over batches whose number the table has seen: rows would be lost.
    """
    row = spark.sql(f"""
        SELECT max(cast(summary['spark.sql.streaming.epochId'] AS bigint)) AS newest
        FROM {CATALOG}.{identifier}.snapshots
        WHERE summary['spark.sql.streaming.queryId'] = '{checkpoint.query_id}'
        """).first()
    newest = None if row is None else row.newest
    return newest is not None and newest > checkpoint.newest_batch
