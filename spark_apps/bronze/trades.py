"""Kafka messages become bronze rows: nothing is read into them, nothing left out."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from schemas.tables.bronze.trades import TABLE
from schemas.topic import TRADES
from spark_apps.app import Run, Stream
from spark_apps.wire import schema_id


def bronze_trades(messages: DataFrame, run: Run) -> DataFrame:
    """Return each message as it is, with the schema id that its header names."""
    return messages.select(
        F.col("key").alias("kafka_key"),
        F.col("value").alias("raw_bytes"),
        *("headers", "topic", "partition", "offset"),
        F.col("timestamp").alias("kafka_timestamp"),
        schema_id("value").alias("schema_id"),
        # One moment a batch: Spark asks the clock when the batch begins.
        F.current_timestamp().alias("bronze_ingestion_timestamp"),
    )


APP = Stream(reads=TRADES, writes=TABLE.address, becomes=bronze_trades)
