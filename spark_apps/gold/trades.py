"""Silver trades become gold trades: each once, for all time."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from schemas.tables.gold.trades import TABLE
from schemas.tables.silver.dead_letters import TABLE as LETTERS
from schemas.trade import TRADE_COLUMNS
from spark_apps.app import Promotion, Run
from spark_apps.candles import touched
from spark_apps.gold import candles_1m

DIGITS = ("timestamp", "price", "quantity", "side")
"""What two copies of one trade must agree in."""
PLACE = ("kafka_topic", "kafka_partition", "kafka_offset")


def compared(batch: DataFrame, held: DataFrame) -> DataFrame:
    """Return the batch with what is known of each copy of a trade.

    The copy that gold has stays, else the one that arrived first, then the one that is
    first in Kafka. `stays` is that copy's digits, `place` is 1 for the first of the
    batch, `is_held` whether gold has the trade, and `differs` whether this copy says
    something else than the one that stays.
    """
    first = Window.partitionBy("message_id").orderBy(
        "ingestion_timestamp", "kafka_partition", "kafka_offset"
    )
    digits = F.struct(*DIGITS)
    known = held.select("message_id", digits.alias("held"))
    return (
        batch.join(known, "message_id", "left")
        .withColumn("stays", F.coalesce("held", F.first(digits).over(first)))
        .withColumn("place", F.row_number().over(first))
        .withColumn("is_held", F.col("held").isNotNull())
        .withColumn("differs", digits != F.col("stays"))
        .drop("held")
    )


def distinct_trades(batch: DataFrame, held: DataFrame) -> DataFrame:
    """Return one row for each message_id of the batch, with what is known of it.

    `copies` is how many there were, `is_held` whether gold has it already, `conflicts`
    how many copies have other digits than the one that stays.
    """
    every = Window.partitionBy("message_id")
    return (
        compared(batch, held)
        .withColumn("copies", F.count("*").over(every))
        .withColumn("conflicts", F.sum(F.col("differs").cast("int")).over(every))
        .where("place = 1")
        .drop("place", "stays", "differs")
    )


def contradictions(batch: DataFrame, held: DataFrame) -> DataFrame:
    """Return the copies that differ from the one that stays, with its digits."""
    return compared(batch, held).where("differs")


def refused(copies: DataFrame, messages: DataFrame, run: Run) -> DataFrame:
    """Return copies that contradict a trade as dead letters, with what both say.

    `raw_record` is the message as bronze has it, NULL if bronze has let it go.
    """
    raw = messages.select(
        F.col("topic").alias("kafka_topic"),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
        F.col("raw_bytes").alias("raw_record"),
    )
    here = F.struct(*DIGITS)
    detail = F.concat(
        F.lit("gold has "), said("stays"), F.lit("; this copy says "), said("here")
    )
    return (
        copies.withColumn("here", here)
        .join(raw, list(PLACE), "left")
        .withColumn("stage", F.lit("gold"))
        .withColumn("error_reason", F.lit("conflicting_duplicate"))
        .withColumn("error_type", F.lit("conflict"))
        .withColumn("error_detail", detail)
        .withColumn("rule_version", F.lit("one copy a message_id"))
        .withColumn("error_timestamp", F.lit(run.started_at))
        .select(*(column.name for column in LETTERS.columns))
    )


def said(digits: str) -> Column:
    """Return the digits of one copy as text."""
    time = F.date_format(F.col(digits)["timestamp"], "yyyy-MM-dd HH:mm:ss.SSSSSS")
    return F.concat_ws(", ", time, *(F.col(digits)[name] for name in DIGITS[1:]))


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
    refuses=LETTERS.address,
    key="message_id",
    known=distinct_trades,
    becomes=gold_trades,
    contradicts=contradictions,
    refused=refused,
    touched=touched,
    windows=candles_1m.APP,
)
