"""A small lake: its catalog in PostgreSQL, its streams' notes, a backup of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from schemas.table import CATALOG, NAMESPACE, ROOT, all_exchanges, all_tables, table_at
from schemas.topic import REJECTED, TRADES
from spark_apps.checkpoint import BEGINNING
from spark_apps.recovery.backup import take
from spark_apps.recovery.drill.drill import drill
from spark_apps.recovery.drill.report import Report
from spark_apps.recovery.notes import Notes, offsets, put, write
from spark_apps.recovery.settings import Backups
from spark_apps.settings import Settings
from spark_apps.upkeep.keep import Keep
from stack.place import Place
from stack.secrets import kept
from tests.expectations.cases import NOON
from tests.expectations.tables import append, created, trades

EXCHANGE = all_exchanges()[0]
TOPIC = TRADES.name(EXCHANGE)
SILVER_ID, GOLD_ID = "7d0f0a8e-silver", "0c5a2f7e-gold"


def at(snapshot_id: int, files: int = 1) -> str:
    """Return a place in a table, as Iceberg notes it."""
    return BEGINNING.replace(
        '"snapshot_id": -1, "position": -1',
        f'"snapshot_id": {snapshot_id}, "position": {files}',
    )


def mark(
    stream: str, query_id: str, batch: int, begin: str, end: str
) -> dict[str, str]:
    return {
        f"bullion.{name}": value
        for name, value in {
            "stream": stream,
            "query-id": query_id,
            "batch-id": str(batch),
            "read-from": begin,
            "read-to": end,
            "rows": "2",
            "inserted": "2",
        }.items()
    }


class Kafka:
    """A broker of librdkafka's own, which speaks Kafka's protocol at a port."""

    def __init__(self) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        for topic in (TOPIC, REJECTED.name(EXCHANGE)):
            self.publish(topic, 2)

    @property
    def servers(self) -> str:
        (broker,) = self._producer.list_topics(timeout=10).brokers.values()
        return f"{broker.host}:{broker.port}"

    def publish(self, topic: str, messages: int, size: int = 1) -> None:
        for _ in range(messages):
            self._producer.produce(topic, b"x" * size, partition=0)
        assert self._producer.flush(30) == 0


@dataclass(frozen=True, slots=True)
class Small:
    """The lake of one exchange, with two trades on their way from bronze to gold."""

    env: Mapping[str, str]
    catalog: SqlCatalog
    folder: Path
    kafka: Kafka

    @classmethod
    def made(cls, place: Place, database: str, folder: Path) -> "Small":
        """Return a lake whose catalog is this new database."""
        secret, port = kept(place)["catalog"], place.ports["POSTGRES"]
        kafka = Kafka()
        env = {
            "BULLION_HOME": str(folder),
            "BULLION_EXCHANGES": EXCHANGE,
            "BULLION_KAFKA_SERVERS": kafka.servers,
            "BULLION_CATALOG": f"127.0.0.1:{port}/{database}",
            "BULLION_CATALOG_USER": "catalog",
            "BULLION_CATALOG_PASSWORD": secret,
            "BULLION_PG_BIN": str(place.postgres_bin),
            "BULLION_WAREHOUSE": f"file://{folder}/warehouse",
            "BULLION_S3_ENDPOINT": "http://127.0.0.1:1",
            "BULLION_S3_ACCESS_KEY": "none",
            "BULLION_S3_SECRET_KEY": "none",
            "BULLION_S3_REGION": "us-east-1",
        }
        uri = f"postgresql+psycopg2://catalog:{secret}@{env['BULLION_CATALOG']}"
        catalog = SqlCatalog(CATALOG, uri=uri, warehouse=env["BULLION_WAREHOUSE"])
        catalog.create_namespace(NAMESPACE)
        small = cls(env, catalog, folder, kafka)
        for spec in all_tables():
            created(catalog, spec.address, EXCHANGE if spec.per_exchange else "")
        small.fill()
        return small

    def table(self, address: str) -> Table:
        spec = table_at(address)
        return self.catalog.load_table(
            spec.identifier(EXCHANGE if spec.per_exchange else "")
        )

    def add(self, address: str, rows: list[dict[str, Any]], **notes: str) -> int:
        return append(self.table(address), address, rows, **notes)

    def folder_of(self, address: str) -> Path:
        return self.folder / "checkpoints" / table_at(address).checkpoint(EXCHANGE)

    def fill(self) -> None:
        """Let two messages become two trades of gold, each stream with its notes."""
        bronze = self.arrive(0, 2)
        for address, number in (("bronze.trades", 2), ("silver.dead_letters", 0)):
            self.note_kafka(address, number)
        silver = self.batch("silver.trades", SILVER_ID, 1, BEGINNING, at(bronze))
        self.batch("gold.trades", GOLD_ID, 1, BEGINNING, at(silver))

    def arrive(self, first: int, messages: int) -> int:
        """Let bronze have messages of these offsets; return the snapshot."""
        rows = [
            {"topic": TOPIC, "partition": 0, "offset": first + each}
            for each in range(messages)
        ]
        return self.add("bronze.trades", rows)

    def batch(
        self, address: str, query_id: str, batch: int, begin: str, end: str
    ) -> int:
        """Carry two rows into a table, mark each commit, note the end."""
        folder = self.folder_of(address)
        said = mark(folder.name, query_id, batch, begin, end)
        layer = address.split(".")[0]
        ids = (2 * batch - 2, 2 * batch - 1)
        made = self.add(address, trades(EXCHANGE, ids), **said)
        if layer == "gold":
            self.add("gold.candles_1m", [{"window_start": NOON}], **said)
        self.add(f"{layer}.accounting", [{}], **said)
        write(folder, Notes(query_id=query_id, ended=batch, at=end, before=begin))
        return made

    def note_kafka(self, address: str, offset: int) -> None:
        folder = self.folder_of(address)
        topic = TOPIC if address == "bronze.trades" else REJECTED.name(EXCHANGE)
        put(folder / "metadata", json.dumps({"id": f"{address} from kafka"}))
        put(folder / "offsets/0", offsets(json.dumps({topic: {"0": offset}})))
        put(folder / "commits/0", 'v1\n{"nextBatchWatermarkMs":0}')

    @property
    def backups(self) -> Backups:
        return Backups.read(self.env)

    def backup(self, now: datetime | None = None) -> Path:
        """Take a backup and return its folder."""
        asked = self.backups
        taken = take(
            self.folder / "checkpoints",
            asked.catalog,
            None,
            asked.folder,
            now or datetime.now(UTC),
        )
        return Path(taken["folder"])

    def drill(self, chosen: str = "") -> Report:
        """Return the report of a drill of this backup, or the newest."""
        keeps = Keep.read(self.env)
        return drill(Settings.read(self.env), self.backups, keeps, self.env, chosen)

    def begun(self, *words: str, **changes: str) -> "subprocess.Popen[str]":
        """Begin a drill as the DAG does, as a process of its own."""
        command = [sys.executable, "-m", "spark_apps.recovery.drill", *words]
        env = {**os.environ, **self.env, "PYTHONPATH": str(ROOT), **changes}
        return subprocess.Popen(
            command,
            env=env,
            text=True,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
