"""Whatever Kafka holds stands in bronze once, byte by byte, however a driver ends."""

from datetime import datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from schemas.table import table_at
from schemas.topic import REJECTED, TRADES
from spark_apps.app import Run
from spark_apps.bronze.trades import APP, bronze_trades
from spark_apps.continuous import landed
from spark_apps.frame import frame_of
from spark_apps.silver.dead_letters import rejected_frames
from tests.spark_apps.lake import NOON, Lake, message

pytestmark = pytest.mark.spark

KAFKA = (
    "key binary, value binary, topic string, partition int, offset bigint, "
    "timestamp timestamp, timestampType int, "
    "headers array<struct<key: string, value: binary>>"
)
"""What Spark's Kafka source gives."""
RUN = Run(exchange="acme", started_at=NOON, schemas={3: REJECTED.schema})


def messages(spark: SparkSession, *values: bytes | None) -> DataFrame:
    rows = [
        {
            "key": b"BTCUSD",
            "value": value,
            "topic": "topic",
            "partition": 4,
            "offset": offset,
            "timestamp": NOON,
            "timestampType": 0,
            "headers": [{"key": "trace", "value": b"1"}],
        }
        for offset, value in enumerate(values)
    ]
    return frame_of(spark, rows, KAFKA)


def test_a_message_is_kept_as_it_is_with_its_place_and_its_schema(
    spark: SparkSession,
) -> None:
    cases = [
        (b"\x00\x00\x00\x00\x07body", 7),
        (b"\x00\x7f\xff\xff\xffb", 2**31 - 1),
        (b"\x00\xff\xff\xff\xffb", None),
        (b"\x01\x00\x00\x00\x07body", None),
        (b"\x00\x00\x00\x00\x07", None),
        (b"", None),
        (None, None),
    ]

    rows = bronze_trades(messages(spark, *(v for v, _ in cases)), RUN).collect()

    assert [(row.raw_bytes, row.schema_id) for row in rows] == cases
    first = rows[0]
    assert (first.kafka_key, first.topic, first.partition) == (b"BTCUSD", "topic", 4)
    assert first.kafka_timestamp == NOON.replace(tzinfo=None)
    assert [(each.key, each.value) for each in first.headers] == [("trace", b"1")]


def test_a_rejected_frame_becomes_a_dead_letter_with_its_own_bytes(
    spark: SparkSession,
) -> None:
    said = {
        "exchange": "ACME",
        "error_reason": "frame_unparseable",
        "error_detail": "no JSON at 1",
        "source": "ws://acme",
        "ingestion_timestamp": NOON,
        "frame": b"{\xff",
    }
    sound = message(said, 3, REJECTED.schema)

    read, torn = rejected_frames(messages(spark, sound, sound[:-1]), RUN).collect()

    assert (bytes(read.raw_record), read.error_reason) == (
        b"{\xff",
        "frame_unparseable",
    )
    assert (read.stage, read.error_type, read.exchange) == ("ingest", "decode", "ACME")
    assert read.error_detail == "no JSON at 1"
    assert (bytes(torn.raw_record), torn.error_reason) == (
        sound[:-1],
        "deserialization_failed",
    )


def stream_of(lake: Lake, folder: Path) -> DataFrame:
    """Files as a stream: like Kafka, they are read again in the same batches."""
    files = lake.spark.readStream.schema(KAFKA).option("maxFilesPerTrigger", "1")
    return bronze_trades(files.parquet(str(folder)), RUN)


def carry(lake: Lake, folder: Path) -> None:
    query = landed(stream_of(lake, folder), APP, lake.exchange, lake.settings)
    query.processAllAvailable()
    query.stop()


def test_a_driver_killed_before_its_note_of_the_batch_doubles_nothing(
    lake: Lake, tmp_path: Path
) -> None:
    folder = tmp_path / "messages"
    messages(lake.spark, b"one", b"two").coalesce(1).write.parquet(str(folder))
    carry(lake, folder)
    # What is left when the process ends between the table's commit and the note.
    commits = lake.settings.checkpoints / f"bronze-{lake.exchange}/commits"
    last = max(int(file.name) for file in commits.glob("[0-9]*"))
    (commits / str(last)).unlink()
    (commits / f".{last}.crc").unlink()
    more = messages(lake.spark, b"three").coalesce(1)
    more.write.mode("append").parquet(str(folder))

    carry(lake, folder)

    rows = lake.spark.table(lake.name("bronze.trades")).collect()
    assert sorted(bytes(row.raw_bytes) for row in rows) == [b"one", b"three", b"two"]
    assert {type(row.bronze_ingestion_timestamp) for row in rows} == {datetime}


def test_the_table_and_the_topic_of_a_stream_belong_together() -> None:
    assert (APP.reads, APP.writes) == (TRADES, table_at("bronze.trades").address)
