"""A lane with dead letters, and a person who sends them again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.replay import Asked
from spark_apps.replay.steps import Replay, Sender
from spark_apps.replay.today import Today
from tests.spark_apps.lake import Lake, message, record, trade
from tests.spark_apps.silver.test_silver_trades import WIDER, broken, letters

NOBODY = timedelta(0)


@dataclass(kw_only=True)
class Way:
    """A topic whose messages are in bronze at once; it may die after so many."""

    lake: Lake
    takes: int = 1_000_000
    came: list[int] = field(default_factory=list)

    def since(self, spark: SparkSession, moment: datetime) -> DataFrame:
        return spark.table(self.lake.name("bronze.trades")).where(
            F.col("kafka_timestamp") >= F.lit(moment)
        )

    def publish(self, rows: DataFrame) -> None:
        said = rows.orderBy("value").collect()
        self.came.append(len(said))
        now = datetime.now(UTC)
        sent = [
            {
                "kafka_key": row.key,
                "raw_bytes": row.value,
                "headers": [each.asDict() for each in row.headers or ()],
                "topic": row.topic,
                "partition": row.partition,
                "offset": next(self.lake.offsets),
                "kafka_timestamp": now,
                "schema_id": int.from_bytes(row.value[1:5], "big"),
                "bronze_ingestion_timestamp": now,
            }
            for row in said[: self.takes]
        ]
        if sent:
            self.lake.bring(sent)
        if len(said) > self.takes:
            raise ConnectionError("killed")


@pytest.fixture
def way(lake: Lake) -> Way:
    return Way(lake=lake)


def replay(way: Way, **changes: Any) -> Replay:
    now = datetime.now(UTC)
    told: dict[str, Any] = {
        "exchange": way.lake.exchange,
        "reasons": (),
        "since": now - timedelta(days=1),
        "until": now + timedelta(days=1),
    }
    asked = Asked(**told | changes)
    lake = way.lake
    today = Today(spark=lake.spark, settings=lake.settings, asked=asked)
    return Replay(today=today, topic=way)


def sent(way: Way, run: str = "manual__1", **changes: Any) -> Mapping[str, Any]:
    """Look and send, as a person does who approves; return what was sent."""
    asked = replay(way, **changes)
    snapshot = int(str(asked.look()["snapshot"]))
    by = Sender(run_id=run, by="ada", why="the schema is registered")
    return asked.send(by, snapshot)


def counts(way: Way, **changes: Any) -> dict[str, int]:
    """Return how many letters a look finds in each state."""
    told: Any = replay(way, **changes).look()["counts"]
    found: dict[str, int] = {}
    for each in told:
        found[each["state"]] = found.get(each["state"], 0) + each["count"]
    return found


def ended(way: Way, run: str = "manual__1") -> Mapping[str, int]:
    told: Any = replay(way).follow(run, NOBODY, lambda: False)["outcomes"]
    return dict(told)


def ledger(way: Way) -> list[Any]:
    return way.lake.rows("silver.replays", "replayed_at, kafka_offset")


@pytest.fixture
def unknown(lake: Lake) -> Iterator[Lake]:
    """A lane with a letter that nobody could read (id 1) until its schema was there."""

    def make() -> None:
        wide = record(trade(lake.exchange, trade_id="1")) | {"desk": "floor"}
        lake.arrive(message(wide, 40, WIDER), broken(lake, price=Decimal(0)))
        carry(lake)

    lake.become("a letter nobody could read", make)
    assert [row.error_reason for row in letters(lake)] == [
        "unknown_schema_id",
        "price_must_be_positive",
    ]
    lake.registry.schemas[40] = WIDER
    yield lake
    del lake.registry.schemas[40]


def carry(lake: Lake) -> None:
    """Run the lane; gold too, once silver has anything."""
    lake.refine()
    if lake.rows("silver.trades"):
        lake.promote()
