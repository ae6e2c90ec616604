"""A peer of `bench lake`: Kafka Connect, one worker, and the Iceberg sink.

What an engineer sets up who would rather configure than write: values as bytes, with
their coordinates put beside them, and a commit each second so that it is not the
interval that is measured.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic
from pyiceberg.table import Table

from benchmarks.lake_peer import FIELDS
from expectations.catalog import open_catalog
from schemas.table import CATALOG, ROOT
from schemas.topic import TRADES
from stack.environments import NotFetched
from stack.jars import hold
from stack.place import Place

MODULE = ROOT / "benchmarks/connect/ivy.xml"
TABLE = "market_data.connect_peer"
CONTROL = "control-iceberg"
EVERY_MS = 1000
LOGGING = "kafka-log4j2.properties"
PATIENCE = 120
"""Seconds without a new row, after which something must be wrong."""


def worker(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the settings of a standalone worker."""
    bytes_ = "org.apache.kafka.connect.converters.ByteArrayConverter"
    return {
        "bootstrap.servers": env["BULLION_KAFKA_SERVERS"],
        "key.converter": bytes_,
        "value.converter": bytes_,
        "offset.storage.file.filename": str(folder / "offsets"),
        "listeners": "http://127.0.0.1:0",
        # Batches as large as the tables' own stream takes them.
        "consumer.auto.offset.reset": "earliest",
        "consumer.max.poll.records": "20000",
        "consumer.fetch.min.bytes": "1048576",
        "consumer.max.partition.fetch.bytes": "16777216",
        "consumer.fetch.max.bytes": "67108864",
    }


def sink(env: Mapping[str, str], exchange: str) -> dict[str, str]:
    """Return the settings of the sink: the topic's bytes into one table."""
    catalog = {
        "catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
        "uri": f"jdbc:postgresql://{env['BULLION_CATALOG']}",
        "jdbc.user": env["BULLION_CATALOG_USER"],
        "jdbc.password": env["BULLION_CATALOG_PASSWORD"],
        "jdbc.schema-version": "V1",
        "warehouse": env["BULLION_WAREHOUSE"],
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "s3.endpoint": env["BULLION_S3_ENDPOINT"],
        "s3.path-style-access": "true",
        "s3.access-key-id": env["BULLION_S3_ACCESS_KEY"],
        "s3.secret-access-key": env["BULLION_S3_SECRET_KEY"],
        "client.region": env["BULLION_S3_REGION"],
    }
    insert = "org.apache.kafka.connect.transforms.InsertField$Value"
    return {
        "name": "peer",
        "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
        "tasks.max": "1",
        "topics": TRADES.name(exchange),
        "transforms": "hoist,beside",
        "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.hoist.field": "raw_bytes",
        "transforms.beside.type": insert,
        **{f"transforms.beside.{n}.field": n for n in ("topic", "partition", "offset")},
        "iceberg.catalog": CATALOG,
        **{f"iceberg.catalog.{key}": value for key, value in catalog.items()},
        "iceberg.tables": TABLE,
        "iceberg.control.commit.interval-ms": str(EVERY_MS),
    }


@contextmanager
def running(
    place: Place, words: list[str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run a worker, and end it; its log lies beside its settings."""
    with tempfile.TemporaryDirectory(prefix="bullion-connect-") as name:
        folder = Path(name)
        log = folder / "log"
        for file, settings in (
            ("worker", worker(os.environ, folder)),
            ("sink", sink(os.environ, words[0])),
        ):
            lines = (f"{key}={value}\n" for key, value in settings.items())
            (folder / f"{file}.properties").write_text("".join(lines))
        with log.open("wb") as out:
            process = subprocess.Popen(
                [
                    str(place.java / "bin/java"),
                    "-Xmx2g",
                    f"-Dlog4j2.configurationFile={place.conf / LOGGING}",
                    *("-cp", f"{place.jars / 'connect'}/*"),
                    "org.apache.kafka.connect.cli.ConnectStandalone",
                    str(folder / "worker.properties"),
                    str(folder / "sink.properties"),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process, log
        finally:
            process.terminate()
            process.wait(30)


def rows(table: Table) -> int:
    head = table.refresh().current_snapshot()
    return int(head.summary["total-records"]) if head and head.summary else 0


def main(exchange: str, count: int) -> float:
    """Carry so many messages into a table of its own; return rows a second.

    The clock runs from the first commit's rows, which are not counted: nobody else's
    start is measured either.

    Raises:
        NotFetched: the sink's jars could not be fetched.
        RuntimeError: it ended, or carries nothing any more; with the end of its log.
    """
    place = Place.read()
    hold(place, place.jars, MODULE, MODULE.with_name("jars.lock"))
    table = open_catalog(os.environ).create_table(TABLE, FIELDS)
    admin = AdminClient({"bootstrap.servers": os.environ["BULLION_KAFKA_SERVERS"]})
    for made in admin.create_topics([NewTopic(CONTROL, 1, 1)]).values():
        made.result()
    with running(place, [exchange]) as (process, log):
        first, began, done, moved = 0, 0.0, 0, time.monotonic()
        while done < count:
            time.sleep(0.1)
            found, now = rows(table), time.monotonic()
            if found > done:
                done, moved = found, now
                if not began:
                    first, began = found, now
            if process.poll() is not None or now - moved > PATIENCE:
                end = log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{done} of {count} rows have come. Its log:\n{end}")
    if first == done:
        raise RuntimeError("one commit carried all: measure with more rows")
    return (done - first) / (moved - began)


if __name__ == "__main__":
    try:
        print(main(sys.argv[1], int(sys.argv[2])))
    except NotFetched as gone:
        sys.exit(str(gone))
