"""Frames that ingestion could not read become dead letters of the stage `ingest`."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from schemas.tables.silver.dead_letters import TABLE
from schemas.topic import REJECTED
from spark_apps.app import Run, Stream
from spark_apps.wire import decoded, schema_id


def rejected_frames(messages: DataFrame, run: Run) -> DataFrame:
    """Return each message as a dead letter that holds the frame's own bytes.

    A message that is itself unreadable is kept whole, with a reason of its own.
    """
    rows = messages.withColumn("schema_id", schema_id("value"))
    said = decoded(rows, "value", run.schemas, REJECTED.schema)
    readable = F.col("record").isNotNull()
    return said.select(
        F.lit(run.exchange.upper()).alias("exchange"),
        F.lit("ingest").alias("stage"),
        F.when(readable, F.col("record.frame"))
        .otherwise(F.col("value"))
        .alias("raw_record"),
        F.coalesce("record.error_reason", F.lit("deserialization_failed")).alias(
            "error_reason"
        ),
        F.lit("decode").alias("error_type"),
        F.col("record.error_detail").alias("error_detail"),
        F.lit(REJECTED.schema_file.stem).alias("rule_version"),
        F.col("topic").alias("kafka_topic"),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
        "schema_id",
        F.current_timestamp().alias("error_timestamp"),
        F.lit(None).cast("string").alias("symbol"),
        F.lit(None).cast("string").alias("trade_id"),
    )


APP = Stream(reads=REJECTED, writes=TABLE.address, becomes=rejected_frames)
