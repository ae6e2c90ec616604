"""Where an endless stream begins that has no checkpoint: behind what tables hold."""

import json
import logging
from collections.abc import Collection, Mapping

from pyspark.sql import SparkSession

from schemas.table import CATALOG, table_at
from spark_apps.checkpoint import Checkpoint
from spark_apps.relocation import set_aside
from spark_apps.stale import sink_is_ahead

log = logging.getLogger(__name__)
EARLIEST = -2
"""What Kafka's source calls the first message that the broker still has."""
PLACES = {
    "bronze.trades": ("topic", "`partition`", "`offset`"),
    "silver.trades": ("kafka_topic", "kafka_partition", "kafka_offset"),
    "silver.dead_letters": ("kafka_topic", "kafka_partition", "kafka_offset"),
}
"""The tables whose rows say which message they are, and in which columns."""


def starting_offsets(
    spark: SparkSession,
    identifier: str,
    exchange: str,
    topic: str,
    partitions: Collection[int],
    checkpoint: Checkpoint,
) -> str:
    """Return Kafka's `startingOffsets` for a stream into the table `identifier`.

    They count only where there is no checkpoint. One that the table has overtaken, or
    that is not whole, is moved aside: the tables know better, to the message.
    """
    whole = checkpoint.exists and (checkpoint.path / "metadata").exists()
    if whole and not sink_is_ahead(spark, identifier, checkpoint):
        return "earliest"
    if checkpoint.path.exists():
        log.warning("%s is not up to date, moved to %s", *set_aside(checkpoint.path))
    held = carried(spark, exchange, topic)
    if not held:
        return "earliest"
    log.warning("%s begins anew, behind what the tables hold: %s", topic, held)
    return json.dumps({topic: {str(p): held.get(p, EARLIEST) for p in partitions}})


def carried(spark: SparkSession, exchange: str, topic: str) -> Mapping[int, int]:
    """Return for each partition the first offset that no table holds.

    Silver is asked too: it keeps its rows longer than bronze.
    """
    parts = " UNION ALL ".join(
        f"SELECT {partition} AS p, {offset} AS o "
        f"FROM {CATALOG}.{table_at(address).identifier(exchange)} "
        f"WHERE {name} = '{topic}'"
        for address, (name, partition, offset) in PLACES.items()
    )
    rows = spark.sql(
        f"SELECT p, max(o) + 1 AS next FROM ({parts}) GROUP BY p"
    ).collect()
    return {row.p: row.next for row in rows}
