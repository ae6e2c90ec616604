"""A lake of one exchange for a test: messages in, tables out, crashes on order."""

import io
import json
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import fastavro
from pyspark.sql import Row, SparkSession

from schemas.table import CATALOG, all_exchanges, table_at
from schemas.topic import TRADES
from schemas.trade import Side, Trade
from spark_apps.bootstrap import bootstrap
from spark_apps.frame import frame_of
from spark_apps.gold.trades import APP as GOLD
from spark_apps.jobs import CANDLES, app_of
from spark_apps.lane import Report, promote, refine
from spark_apps.rollup import roll_up
from spark_apps.settings import Settings
from spark_apps.silver.trades import APP as SILVER
from spark_apps.streams import history, newest_data

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DELAY = timedelta(milliseconds=50)


class Crash(Exception):
    """The process ended here; Spark had no time to note that the batch was done."""


class Registry:
    """The two questions that Spark asks a registry, answered over real HTTP."""

    def __init__(self) -> None:
        self.schemas: dict[int, str] = {7: TRADES.schema}
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802, the name is http.server's
                answer = outer.answer(self.path.strip("/").split("/"))
                self.send_response(404 if answer is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing: pytest shows what matters."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: list[str]) -> Any:
        match path:
            case ["subjects", _, "versions"]:
                return [1]
            case ["subjects", _, "versions", "1"]:
                return {"id": 7, "version": 1, "schema": self.schemas[7]}
            case ["schemas", "ids", number] if int(number) in self.schemas:
                return {"schema": self.schemas[int(number)]}
            case _:
                return None

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()


def trade(exchange: str, **changes: Any) -> Trade:
    """Return a sound trade with these changes; symbol and message_id follow."""
    return Trade(
        **{
            "trade_id": "109116693",
            "exchange": exchange.upper(),
            "timestamp": NOON,
            "price": Decimal("83744.3"),
            "quantity": Decimal("0.00044780"),
            "base_asset": "BTC",
            "quote_currency": "USD",
            "side": Side.BUY,
            "ingestion_timestamp": changes.get("timestamp", NOON) + DELAY,
            "vendor_data": {"source": "ws"},
        }
        | changes
    )


def record(sound: Trade, **changes: Any) -> dict[str, Any]:
    """Return a trade as the Avro record that ingestion writes, with these changes."""
    names = (each["name"] for each in json.loads(TRADES.schema)["fields"])
    return {name: getattr(sound, name) for name in names} | changes


def message(
    said: Trade | Mapping[str, Any], schema_id: int = 7, schema: str = TRADES.schema
) -> bytes:
    """Return the bytes of a message: header, then Avro by an independent writer."""
    body = io.BytesIO()
    values = record(said) if isinstance(said, Trade) else said
    fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(schema)), values)
    return b"\x00" + schema_id.to_bytes(4, "big") + body.getvalue()


@dataclass
class Offsets:
    """Gives offsets of a partition, one after the other."""

    next: int = 0

    def __next__(self) -> int:
        self.next += 1
        return self.next - 1


@dataclass(frozen=True, kw_only=True)
class Lake:
    """The tables of one exchange, and the steps of its lane."""

    spark: SparkSession
    registry: Registry
    exchange: str
    settings: Settings
    shelf: Path
    offsets: Offsets = field(default_factory=Offsets)

    @classmethod
    def begun(
        cls, spark: SparkSession, registry: Registry, folder: Path, shelf: Path
    ) -> Self:
        """Return a lake with nothing in it, whatever the last test left."""
        exchange = all_exchanges()[0]
        settings = replace(
            Settings.read(
                {
                    "BULLION_HOME": str(folder),
                    "BULLION_REGISTRY_URL": registry.url,
                    "BULLION_UNKNOWN_SCHEMA_SECONDS": "0",
                }
            ),
            exchanges=(exchange,),
        )
        lake = cls(
            spark=spark,
            registry=registry,
            exchange=exchange,
            settings=settings,
            shelf=shelf,
        )
        shutil.rmtree(lake.tables, ignore_errors=True)
        lake.become("blank", lambda: bootstrap(spark, settings))
        return lake

    @property
    def tables(self) -> Path:
        """The folder of the warehouse, which all lakes of a session share."""
        warehouse = self.spark.conf.get(f"spark.sql.catalog.{CATALOG}.warehouse")
        assert warehouse is not None
        return Path(warehouse.removeprefix("file://"))

    def become(self, name: str, make: Callable[[], object]) -> None:
        """Become a lake that is made once in a session, and copied byte by byte.

        `make` makes it of this one. Its runs are of today, and audits ask by the day.
        """
        there = self.shelf / f"{name} {datetime.now(UTC):%Y-%m-%d}"
        folders = {
            "tables": self.tables,
            "checkpoints": Path(self.settings.checkpoints),
        }
        if there.exists():
            for each, folder in folders.items():
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(there / each, folder)
            self.offsets.next = int((there / "next offset").read_text())
            return
        make()
        for each, folder in folders.items():
            shutil.copytree(folder, there / each)
        (there / "next offset").write_text(str(self.offsets.next))

    def name(self, address: str) -> str:
        return f"{CATALOG}.{table_at(address).identifier(self.exchange)}"

    def arrive(self, *values: bytes | None | Trade) -> None:
        """Let one bronze commit bring these messages."""
        rows = [
            {
                "kafka_key": b"BTCUSD",
                "raw_bytes": message(v) if isinstance(v, Trade) else v,
                "headers": None,
                "topic": TRADES.name(self.exchange),
                "partition": 0,
                "offset": next(self.offsets),
                "kafka_timestamp": NOON,
                "schema_id": header_id(message(v) if isinstance(v, Trade) else v),
                "bronze_ingestion_timestamp": NOON,
            }
            for v in values
        ]
        self.bring(rows)

    def bring(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Let one bronze commit bring rows as they stand there."""
        spec = table_at("bronze.trades").ddl.replace(" NOT NULL", "")
        frame = frame_of(self.spark, rows, spec)
        frame.coalesce(1).writeTo(self.name("bronze.trades")).append()

    def asked(self, app: Any) -> tuple[SparkSession, Any, str, Settings]:
        """Return what each step of the lane is told first."""
        return self.spark, app, self.exchange, self.settings

    def refine(self, crash: str = "") -> Report:
        return refine(*self.asked(SILVER), crash_at(crash))

    def promote(self, gated: int | None = None, crash: str = "") -> Report:
        head = newest_data(
            history(self.spark, table_at("silver.trades").identifier(self.exchange))
        )
        seen = gated or head
        assert seen is not None, "nothing is in silver"
        return promote(
            self.spark, GOLD, self.exchange, self.settings, seen, crash_at(crash)
        )

    def roll_up(self, crash: str = "") -> Report:
        return roll_up(
            self.spark,
            [app_of(each) for each in CANDLES],
            self.settings,
            crash_at(crash),
        )

    def lane(self) -> tuple[Report, Report]:
        """Run the lane's two steps, as if every gate were open."""
        return self.refine(), self.promote()

    def rows(self, address: str, order: str = "timestamp") -> list[Row]:
        frame = self.spark.table(self.name(address))
        return (
            frame.where(frame["exchange"] == self.exchange.upper())
            .orderBy(*order.split(", "))
            .collect()
        )


def header_id(value: bytes | None) -> int | None:
    """Return what bronze finds in a header, told in Python."""
    if value is None or len(value) < 6 or value[0]:
        return None
    number = int.from_bytes(value[1:5], "big")
    return number if number < 2**31 else None


def crash_at(point: str) -> Callable[[str], None]:
    """Return a failpoint that ends the process at one named point."""

    def passed(reached: str) -> None:
        if reached == point:
            raise Crash(point)

    return passed


def ids(rows: Iterable[Row]) -> list[str]:
    return [row.trade_id for row in rows]
