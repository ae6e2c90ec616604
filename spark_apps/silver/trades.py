"""Bronze messages become silver trades or dead letters: one of the two, always."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.rule import version_of
from expectations.silver.trades import rules
from schemas.tables.silver.trades import TABLE
from schemas.topic import TRADES
from schemas.trade import TRADE_COLUMNS
from spark_apps.app import Run, Split
from spark_apps.quality import failure, failures, judged
from spark_apps.wire import decoded

TIMES = "BETWEEN timestamp'0001-01-01 00:00:00' AND timestamp'9999-12-31 23:59:59'"
"""What a reader of the tables can show; any 64 bits can stand in a message."""


def read(bronze: DataFrame, run: Run) -> DataFrame:
    """Return the rows with the record's columns, NULL where it cannot be read.

    `unreadable` is then a struct(error_type, error_reason), else NULL.
    """
    rows = decoded(bronze, "raw_bytes", run.schemas, TRADES.schema)
    return (
        rows.withColumn("unreadable", unreadable(tuple(run.schemas)))
        .withColumn("record", F.when(F.col("unreadable").isNull(), F.col("record")))
        .select(
            *(F.col("record")[c.name].alias(c.name) for c in TRADE_COLUMNS),
            *("unreadable", "raw_bytes", "schema_id", "bronze_ingestion_timestamp"),
            F.col("topic").alias("kafka_topic"),
            F.col("partition").alias("kafka_partition"),
            F.col("offset").alias("kafka_offset"),
        )
    )


def unreadable(known: tuple[int, ...]) -> Column:
    """Return why a message cannot be read, the first reason only; NULL if it can."""
    sound = F.expr(f"record.timestamp {TIMES} AND record.ingestion_timestamp {TIMES}")
    length = F.coalesce(F.length("raw_bytes"), F.lit(0))
    foreign = ~F.col("schema_id").isin(*known) if known else F.lit(True)
    return (
        F.when(length == 0, failure("decode", "empty_payload"))
        .when(F.col("schema_id").isNull(), failure("decode", "bad_wire_header"))
        .when(foreign, failure("decode", "unknown_schema_id"))
        .when(
            ~F.coalesce(sound, F.lit(False)),
            failure("decode", "deserialization_failed"),
        )
    )


def silver_trades(bronze: DataFrame, run: Run) -> Mapping[str, DataFrame]:
    """Return each bronze row once: as a trade, or as a dead letter with all reasons."""
    asked = rules(run.exchange)
    rows = judged(read(bronze, run), asked).withColumn("run_at", F.lit(run.started_at))
    unsound = rows.where(~F.col("is_sound")).withColumn(
        "failures", failures(asked, F.col("unreadable"))
    )
    reasons = F.col("failures.error_reason")
    others = F.array_join(F.slice(reasons, 2, F.size(reasons)), ", ")
    return {
        TABLE.address: rows.where("is_sound")
        .withColumn("validation_timestamp", F.col("run_at"))
        .select(*(column.name for column in TABLE.columns)),
        "silver.dead_letters": unsound.select(
            F.lit(run.exchange.upper()).alias("exchange"),
            F.lit("silver").alias("stage"),
            F.col("raw_bytes").alias("raw_record"),
            reasons[0].alias("error_reason"),
            F.col("failures.error_type")[0].alias("error_type"),
            F.nullif(others, F.lit("")).alias("error_detail"),
            F.lit(version_of(asked)).alias("rule_version"),
            *("kafka_topic", "kafka_partition", "kafka_offset", "schema_id"),
            F.col("run_at").alias("error_timestamp"),
            *("symbol", "trade_id"),
        ),
    }


APP = Split(
    reads="bronze.trades",
    writes=(TABLE.address, "silver.dead_letters"),
    becomes=silver_trades,
)
