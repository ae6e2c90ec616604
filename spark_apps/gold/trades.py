"""Silver trades become gold trades: each once, for all time."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from schemas.tables.gold.trades import TABLE
from schemas.trade import TRADE_COLUMNS
from spark_apps.app import Promotion, Run
from spark_apps.gold.candles_1m import candles, minutes

DIGITS = ("timestamp", "price", "quantity", "side")
"""What two copies of one trade must agree in."""


def distinct_trades(batch: DataFrame, held: DataFrame) -> DataFrame:
    """Return one row for each message_id of the batch, with what is known of it.

    The copy that arrived first stays, then the one that is first in Kafka. `copies` is
    how many there were, `is_held` whether gold has it already, and `conflicts` how many
    copies have other digits than the one that stays: gold's, else the first.
    """
    first = Window.partitionBy("message_id").orderBy(
        "ingestion_timestamp", "kafka_partition", "kafka_offset"
    )
    every = Window.partitionBy("message_id")
    known = held.select(
        F.col("message_id"),
        F.struct(*DIGITS).alias("held"),
    )
    digits = F.struct(*DIGITS)
    compared = batch.join(known, "message_id", "left").withColumn(
        "differs",
        (digits != F.coalesce("held", F.first(digits).over(first))).cast("int"),
    )
    return (
        compared.withColumn("place", F.row_number().over(first))
        .withColumn("copies", F.count("*").over(every))
        .withColumn("conflicts", F.sum("differs").over(every))
        .withColumn("is_held", F.col("held").isNotNull())
        .where("place = 1")
        .drop("place", "held", "differs")
    )


def gold_trades(fresh: DataFrame, run: Run) -> DataFrame:
    """Return trades that gold lacks as the rows of its table."""
    return fresh.select(
        *(column.name for column in TRADE_COLUMNS),
        F.to_date("timestamp").alias("exchange_date"),
        F.hour("timestamp").alias("exchange_hour"),
        F.lit(run.started_at).alias("gold_ingestion_timestamp"),
    )


APP = Promotion(
    reads="silver.trades",
    writes=TABLE.address,
    known=distinct_trades,
    becomes=gold_trades,
    windows="gold.candles_1m",
    touched=minutes,
    recomputed=candles,
)
