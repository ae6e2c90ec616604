"""The endless streams of one driver: from Kafka into bronze, and into dead letters."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from confluent_kafka.admin import AdminClient
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from schemas.table import CATALOG, table_at
from spark_apps.app import Run, Stream
from spark_apps.carried import starting_offsets
from spark_apps.checkpoint import Checkpoint
from spark_apps.registry import registered
from spark_apps.settings import Settings
from spark_apps.tables import require

log = logging.getLogger(__name__)
TRIES = 3
"""Failures in a row of one stream after which it is no passing trouble."""


class TopicMissing(Exception):
    """The broker lacks a topic: create it first, nothing does it by itself."""


def carry(
    spark: SparkSession,
    apps: Sequence[Stream],
    exchanges: Sequence[str],
    settings: Settings,
) -> None:
    """Run each stream of each exchange for ever; see `keep`.

    Raises:
        StreamingQueryException: of one that fails again and again.
    """
    pairs = [(app, exchange) for exchange in exchanges for app in apps]
    require_topics(settings, [app.reads.name(exchange) for app, exchange in pairs])
    require(
        spark,
        [table_at(app.writes).identifier(exchange) for app, exchange in pairs],
    )
    keep(
        spark,
        {
            f"{app.writes}.{exchange}": partial(start, spark, app, exchange, settings)
            for app, exchange in pairs
        },
    )


def keep(
    spark: SparkSession, begin: Mapping[str, Callable[[], StreamingQuery]]
) -> None:
    """Run these streams for ever; begin one that failed again, and leave the others.

    A driver needs half a minute to start, a stream a second. The catalog may have been
    away for a moment, and Spark 4.1.1 fails each stream that repeats the batch in which
    it was killed, once, after the batch is done (SPARK-55271).

    Raises:
        StreamingQueryException: of a stream that failed TRIES times in a row without
            ending a batch in between; the supervisor begins the whole driver again.
    """
    running = {name: start() for name, start in begin.items()}
    failures = dict.fromkeys(begin, 0)
    while True:
        try:
            spark.streams.awaitAnyTermination()
        except StreamingQueryException as error:
            log.warning("a stream failed: %s", str(error).splitlines()[0])
        spark.streams.resetTerminated()
        for name, query in running.items():
            if query.isActive:
                continue
            failures[name] = 1 if query.lastProgress else failures[name] + 1
            why = query.exception()
            if why is not None and failures[name] >= TRIES:
                raise why
            log.warning("%s begins again, try %d", name, failures[name])
            running[name] = begin[name]()


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
        .option("startingOffsets", begin(spark, app, exchange, settings))
        # Messages that the broker dropped unread must stop us, not be passed over.
        .option("failOnDataLoss", "true")
        .option("maxOffsetsPerTrigger", settings.bronze_max_offsets)
        .option("includeHeaders", "true")
        .load()
    )
    return landed(app.becomes(messages, run), app, exchange, settings)


def begin(spark: SparkSession, app: Stream, exchange: str, settings: Settings) -> str:
    """Return where a stream begins if it has no checkpoint, in the words of Kafka."""
    table, topic = table_at(app.writes), app.reads.name(exchange)
    admin = AdminClient({"bootstrap.servers": settings.kafka_servers})
    return starting_offsets(
        spark,
        table.identifier(exchange),
        exchange,
        topic,
        admin.list_topics(topic, timeout=30).topics[topic].partitions.keys(),
        Checkpoint(settings.checkpoints / table.checkpoint(exchange)),
    )


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
