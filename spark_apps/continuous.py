"""The endless streams of one driver: from Kafka into bronze, and into dead letters."""

from collections.abc import Sequence
from datetime import UTC, datetime

from confluent_kafka.admin import AdminClient
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from schemas.table import CATALOG, table_at
from spark_apps.app import Run, Stream
from spark_apps.registry import registered
from spark_apps.settings import Settings
from spark_apps.streams import Checkpoint
from spark_apps.tables import require


class TopicMissing(Exception):
    """The broker lacks a topic: create it first, nothing does it by itself."""


def carry(
    spark: SparkSession,
    apps: Sequence[Stream],
    exchanges: Sequence[str],
    settings: Settings,
) -> None:
    """Run each stream of each exchange until one of them fails, and let it.

    Raises:
        StreamingQueryException: of the first that fails; the supervisor begins again.
    """
    pairs = [(app, exchange) for exchange in exchanges for app in apps]
    require_topics(settings, [app.reads.name(exchange) for app, exchange in pairs])
    require(
        spark,
        [table_at(app.writes).identifier(exchange) for app, exchange in pairs],
    )
    for app, exchange in pairs:
        start(spark, app, exchange, settings)
    spark.streams.awaitAnyTermination()


def require_topics(settings: Settings, topics: Sequence[str]) -> None:
    """Return if the broker has all of these topics.

    Raises:
        TopicMissing: the message names those that it lacks.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka_servers})
    missing = set(topics) - set(admin.list_topics(timeout=30).topics)
    if missing:
        raise TopicMissing(
            f"{settings.kafka_servers} has no topic {', '.join(sorted(missing))}: "
            "run `python -m ingestion topics`"
        )


def start(
    spark: SparkSession, app: Stream, exchange: str, settings: Settings
) -> StreamingQuery:
    """Return the stream, begun at the earliest message that it has not carried yet."""
    run = Run(
        exchange=exchange,
        started_at=datetime.now(UTC),
        schemas=registered(settings.registry_url, app.reads.subject(exchange)),
    )
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_servers)
        .option("subscribe", app.reads.name(exchange))
        .option("startingOffsets", "earliest")
        # Messages that the broker dropped unread must stop us, not be passed over.
        .option("failOnDataLoss", "true")
        .option("maxOffsetsPerTrigger", settings.bronze_max_offsets)
        .option("includeHeaders", "true")
        .load()
    )
    return landed(app.becomes(messages, run), app, exchange, settings)


def landed(
    rows: DataFrame, app: Stream, exchange: str, settings: Settings
) -> StreamingQuery:
    """Return the stream of these rows into the app's table, each batch once."""
    table = table_at(app.writes)
    checkpoint = Checkpoint(settings.checkpoints / table.checkpoint(exchange))
    return (
        rows.writeStream.queryName(f"{app.writes}.{exchange}")
        .option("checkpointLocation", str(checkpoint.path))
        # A commit each few seconds leaves few manifests only if they are merged.
        .option("use-merge-append-for-streaming", "true")
        .option("fanout-enabled", "true")
        # Spark takes every column of Kafka's for nullable; the writers still refuse.
        .option("check-nullability", "false")
        .trigger(processingTime=f"{settings.bronze_trigger_seconds} seconds")
        .toTable(f"{CATALOG}.{table.identifier(exchange)}")
    )
