"""The way of a batch into a Kafka topic, and what came there since a moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession


class Topic(Protocol):
    """Where messages go; see `Kafka`."""

    def since(self, spark: SparkSession, moment: datetime) -> DataFrame:
        """Return what came since a moment: `headers`, `partition`, `offset`."""

    def publish(self, rows: DataFrame) -> None:
        """Send rows of `topic`, `partition`, `key`, `value`, `headers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """The topic of an exchange's trades, by Spark's own connector."""

    servers: str
    topic: str

    def since(self, spark: SparkSession, moment: datetime) -> DataFrame:
        return (
            spark.read.format("kafka")
            .option("kafka.bootstrap.servers", self.servers)
            .option("subscribe", self.topic)
            .option("includeHeaders", "true")
            .option("startingTimestamp", str(int(moment.timestamp() * 1000)))
            .option("startingOffsetsByTimestampStrategy", "latest")
            .load()
        )

    def publish(self, rows: DataFrame) -> None:
        (
            rows.write.format("kafka")
            .option("kafka.bootstrap.servers", self.servers)
            .option("kafka.acks", "all")
            .option("kafka.enable.idempotence", "true")
            .option("kafka.compression.type", "lz4")
            .save()
        )
