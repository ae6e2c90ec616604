"""A standalone worker of Kafka Connect, and its settings for the Iceberg sink."""

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from schemas.table import CATALOG
from stack.place import Place

TRANSFORMS = "org.apache.kafka.connect.transforms"
LOG = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
# It says when a task of the sink begins to fetch.
logger.fetch.name=org.apache.kafka.clients.consumer.internals.SubscriptionState
logger.fetch.level=info
"""
PATIENCE = 120
"""Seconds in which a worker must answer."""


class WorkerFailed(Exception):
    """The worker or its task has ended; the message ends with its log's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A running worker, asked and told over its REST interface."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str

    def ask(self, path: str, method: str = "GET", body: object = None) -> bytes:
        """Return what the worker answers; HTTPError if it refuses."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=PATIENCE) as answer:
            said: bytes = answer.read()
        return said

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            WorkerFailed: it ended before it did, or has not within the patience.
        """
        until = time.monotonic() + PATIENCE
        while True:
            self.hold(time.monotonic() < until)
            try:
                self.ask("/connectors")
                return
            except OSError:
                time.sleep(0.2)

    def begin(self, name: str, settings: Mapping[str, str]) -> None:
        """Let a sink begin.

        Raises:
            WorkerFailed: the worker refuses its settings.
        """
        try:
            self.ask(f"/connectors/{name}/config", "PUT", settings)
        except HTTPError as refused:
            why = refused.read().decode(errors="replace")
            raise WorkerFailed(f"Kafka Connect refuses {name}: {why}") from refused

    def end(self, name: str) -> None:
        self.ask(f"/connectors/{name}", "DELETE")

    def fetches(self, name: str) -> bool:
        """Return whether the sink knows where to begin in the topic, and begins."""
        said = f"groupId=connect-{name}] Resetting offset for partition"
        return said in self.log.read_text(errors="replace")

    def hold(self, well: bool = True) -> None:
        """Do nothing while all is well.

        Raises:
            WorkerFailed: the process has ended, a task has said so, or it is not well.
        """
        said = self.log.read_text(errors="replace")
        failed = "Task threw an uncaught and unrecoverable exception" in said
        if not well or failed or self.process.poll() is not None:
            raise WorkerFailed(
                f"Kafka Connect failed. Its log ends so:\n{said[-6000:]}"
            )


@contextmanager
def running(place: Place, kafka: str, jars: Iterable[Path]) -> Iterator[Worker]:
    """Give a worker that answers, and end it by its own process id."""
    with tempfile.TemporaryDirectory(prefix="bullion-connect-") as name:
        folder = Path(name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        settings = worker_settings(kafka, url, folder / "offsets")
        lines = (f"{key}={value}\n" for key, value in settings.items())
        (folder / "worker.properties").write_text("".join(lines))
        (folder / "log4j2.properties").write_text(LOG)
        words = [
            *(str(place.java / "bin/java"), "-Xmx2g", "-Duser.timezone=UTC"),
            f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
            *("-cp", ":".join(map(str, jars))),
            "org.apache.kafka.connect.cli.ConnectStandalone",
            str(folder / "worker.properties"),
        ]
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
        try:
            worker = Worker(process=process, log=log, url=url)
            worker.wait()
            yield worker
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def worker_settings(kafka: str, url: str, offsets: Path) -> dict[str, str]:
    """Return the settings of a standalone worker that takes large batches."""
    converter = "org.apache.kafka.connect.converters.ByteArrayConverter"
    return {
        "bootstrap.servers": kafka,
        "listeners": url,
        "plugin.discovery": "service_load",
        "key.converter": converter,
        "value.converter": converter,
        "offset.storage.file.filename": str(offsets),
        # A task that waits for messages answers the committer only this often. In a
        # flow without end it never waits; at the end of a topic it would for a minute.
        "offset.flush.interval.ms": "500",
        "consumer.auto.offset.reset": "earliest",
        # More in a fetch and in a batch than usual; still more brought nothing.
        "consumer.max.poll.records": "2000",
        "consumer.fetch.min.bytes": "1048576",
        "consumer.fetch.max.bytes": "67108864",
        "consumer.max.partition.fetch.bytes": "16777216",
        "consumer.receive.buffer.bytes": "1048576",
    }


def sink(
    env: Mapping[str, str], topic: str, table: str, control: str, commit_ms: int
) -> dict[str, str]:
    """Return the settings of a sink: the topic's bytes and their places, in a table."""
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
    places = ("topic", "partition", "offset", "timestamp")
    return {
        "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
        "tasks.max": "1",
        "topics": topic,
        "transforms": "hoist,beside",
        "transforms.hoist.type": f"{TRANSFORMS}.HoistField$Value",
        "transforms.hoist.field": "raw_bytes",
        "transforms.beside.type": f"{TRANSFORMS}.InsertField$Value",
        **{f"transforms.beside.{place}.field": place for place in places},
        "iceberg.catalog": CATALOG,
        **{f"iceberg.catalog.{key}": value for key, value in catalog.items()},
        "iceberg.tables": table,
        "iceberg.control.topic": control,
        "iceberg.control.commit.interval-ms": str(commit_ms),
    }
