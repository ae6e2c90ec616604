"""The second peer of `bench lake`: Kafka Connect and Apache Iceberg's sink.

What a data engineer configures instead of writing it: one standalone worker with one
task, the bytes and their places as columns, exactly once by Kafka's transactions.
"""

import os
import sys
import time

import pyarrow as pa
from confluent_kafka.admin import AdminClient, NewTopic
from pyiceberg.table import Table

from benchmarks.connect_worker import PATIENCE, Worker, WorkerFailed, running, sink
from benchmarks.lake_peer import FIELDS
from expectations.catalog import open_catalog
from schemas.table import ROOT
from schemas.topic import TRADES
from stack.environments import NotFetched
from stack.jars import hold, locked
from stack.place import Place

MODULE = ROOT / "benchmarks/connect/ivy.xml"
LOCK = ROOT / "benchmarks/connect/jars.lock"
CONTROL = "control-iceberg"
PLACED = pa.schema([*FIELDS, pa.field("timestamp", pa.timestamp("us", tz="UTC"))])
WARM = 200_000
"""Rows after which a worker's rate does not climb any more."""
COMMIT_MS = 1000
"""Bronze is not timed between its batches, but the wait for this sink's last commit is.

Over a million rows it carries as many a second as with bronze's five seconds.
"""


def main(exchange: str, count: int) -> float:
    """Carry so many messages into a table of its own; return rows a second.

    A worker lives for months: a sink that is taken away again has warmed it before.

    Raises:
        NotFetched: the jars could not be fetched.
        WorkerFailed: the worker failed; with the end of its log.
    """
    place = Place.read()
    hold(place, place.jars, MODULE, LOCK)
    kafka = os.environ["BULLION_KAFKA_SERVERS"]
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(CONTROL, 1, 1)])[CONTROL].result()
    # By the lock and not by the folder: it may keep the jars of an older lock.
    jars = [place.jars / path for path in locked(LOCK)]
    with running(place, kafka, jars) as worker:
        carried(worker, exchange, "connect_warm", min(count, WARM))
        return carried(worker, exchange, "connect_peer", count)


def carried(worker: Worker, exchange: str, name: str, count: int) -> float:
    """Let a sink carry at least so many messages; return rows a second.

    The clock runs from its first fetch to the commit that shows the last row.
    """
    table = open_catalog(os.environ).create_table(f"market_data.{name}", PLACED)
    into = ".".join(table.name())
    settings = sink(os.environ, TRADES.name(exchange), into, CONTROL, COMMIT_MS)
    worker.begin(name, settings)
    until = time.monotonic() + PATIENCE
    while not worker.fetches(name):
        worker.hold(time.monotonic() < until)
        time.sleep(0.02)
    began = moved = time.monotonic()
    done = 0
    while done < count:
        worker.hold(time.monotonic() < moved + PATIENCE)
        time.sleep(0.1)
        found = rows(table)
        if found > done:
            done, moved = found, time.monotonic()
    worker.end(name)
    return done / (moved - began)


def rows(table: Table) -> int:
    head = table.refresh().current_snapshot()
    return int(head.summary["total-records"] or 0) if head and head.summary else 0


if __name__ == "__main__":
    try:
        print(main(sys.argv[1], int(sys.argv[2])))
    except NotFetched as missing:
        sys.exit(f"no peer Kafka Connect: {str(missing).splitlines()[-1]}")
    except WorkerFailed as failed:
        sys.exit(str(failed))
