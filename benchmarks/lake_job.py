"""The work of `./bullion bench lake`: the apps themselves, in one local driver."""

import argparse
import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psutil
from confluent_kafka import Producer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ingestion.wire import header, packed_trade
from schemas.table import CATALOG, all_exchanges, table_at
from schemas.topic import TRADES
from schemas.trade import Side, Trade
from spark_apps.bootstrap import bootstrap
from spark_apps.bronze.trades import APP as BRONZE
from spark_apps.continuous import start
from spark_apps.gold.trades import APP as GOLD
from spark_apps.lane import promote, refine
from spark_apps.registry import registered
from spark_apps.rollup import roll_up
from spark_apps.run import CANDLES, app_of
from spark_apps.session import conf
from spark_apps.settings import Settings, Storage
from spark_apps.silver.trades import APP as SILVER
from spark_apps.streams import history, newest_data

BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "DOT", "LTC")
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass
class Clock:
    """Notes when each point of a batch was passed, to say what took how long."""

    passed: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, point: str) -> None:
        self.passed.append((point, time.monotonic()))

    def between(self, first: str, last: str) -> float:
        at = dict(self.passed)
        return at[last] - at[first]


@contextmanager
def timed(found: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    found[name] = time.monotonic() - began


class Bench:
    """One exchange's lane in a driver of its own."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self.spark = spark
        self.exchange = all_exchanges()[0]
        self.settings = replace(settings, exchanges=(self.exchange,))
        known = registered(settings.registry_url, TRADES.subject(self.exchange))
        self.head = header(max(known))
        self.next_id = 1

    def produce(self, count: int) -> float:
        """Put so many trades into the topic; return messages a second."""
        sent = Producer(
            {
                "bootstrap.servers": self.settings.kafka_servers,
                "enable.idempotence": True,
                "linger.ms": 50,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        began = time.monotonic()
        for number in range(self.next_id, self.next_id + count):
            base = BASES[number % len(BASES)]
            moment = START + timedelta(milliseconds=number % 3_600_000)
            trade = Trade(
                trade_id=str(3_000_000_000 + number),
                exchange=self.exchange.upper(),
                timestamp=moment,
                price=Decimal(60_000_00 + number % 997) / 100,
                quantity=Decimal(number % 9973 + 1) / 100_000,
                base_asset=base,
                quote_currency="USDT",
                side=Side.BUY if number % 2 else Side.SELL,
                ingestion_timestamp=moment + timedelta(milliseconds=80),
                vendor_data={"native_symbol": f"{base}USDT", "source": "ws"},
            )
            sent.produce(
                TRADES.name(self.exchange),
                packed_trade(trade, self.head),
                key=trade.symbol,
            )
            if number % 50_000 == 0:
                sent.poll(0)
        assert sent.flush(120) == 0
        self.next_id += count
        return count / (time.monotonic() - began)

    def bronze(self, count: int) -> float:
        """Carry what is in the topic; return rows a second while batches ran."""
        query = start(self.spark, BRONZE, self.exchange, self.settings)
        rows, busy, seen = 0, 0.0, -1
        try:
            while rows < count:
                time.sleep(0.5)
                for progress in query.recentProgress:
                    if progress.batchId > seen and progress.numInputRows:
                        seen = progress.batchId
                        rows += progress.numInputRows
                        busy += progress.durationMs["triggerExecution"] / 1000
        finally:
            query.stop()
        return rows / busy

    def refine(self, clock: Clock) -> None:
        refine(self.spark, SILVER, self.exchange, self.settings, clock)

    def promote(self, clock: Clock) -> None:
        silver = table_at("silver.trades").identifier(self.exchange)
        gated = newest_data(history(self.spark, silver))
        assert gated is not None
        promote(self.spark, GOLD, self.exchange, self.settings, gated, clock)

    def lane(self, count: int) -> dict[str, float]:
        """Carry so many new trades from the topic to candles; return the seconds."""
        if count:
            self.produce(count)
            self.bronze(count)
        found: dict[str, float] = {}
        clock = Clock()
        with timed(found, "silver"):
            self.refine(clock)
        with timed(found, "gold and 1m"):
            self.promote(clock)
        if count:
            found["1m"] = clock.between("between the tables", "after gold.candles_1m")
        with timed(found, "5m, 1h, 1d"):
            roll_up(self.spark, [app_of(each) for each in CANDLES], self.settings)
        return found

    def fill_gold(self, count: int) -> None:
        """Give gold so many older rows, a million an hour, each with its own id."""
        gold = f"{CATALOG}.{table_at('gold.trades').identifier()}"
        step = 10_000_000
        for first in range(0, count, step):
            number = F.col("id") + first
            hours = (number / 1_000_000).cast("int") + 1
            moment = F.timestamp_seconds(
                F.lit(int(START.timestamp()) - 1) - hours * 3600 + number % 3600
            )
            rows = self.spark.range(min(step, count - first)).select(
                F.concat(
                    F.hex(F.xxhash64(number)), F.lit("-"), F.hex(F.hash(number))
                ).alias("message_id"),
                number.cast("string").alias("trade_id"),
                F.lit("BTCUSDT").alias("symbol"),
                F.lit(self.exchange.upper()).alias("exchange"),
                moment.alias("timestamp"),
                F.lit(Decimal(1)).cast("decimal(38, 18)").alias("price"),
                F.lit(Decimal(1)).cast("decimal(38, 18)").alias("quantity"),
                F.lit("BTC").alias("base_asset"),
                F.lit("USDT").alias("quote_currency"),
                F.lit("BUY").alias("side"),
                moment.alias("ingestion_timestamp"),
                F.create_map(F.lit("source"), F.lit("fill")).alias("vendor_data"),
                F.to_date(moment).alias("exchange_date"),
                F.hour(moment).alias("exchange_hour"),
                moment.alias("gold_ingestion_timestamp"),
            )
            rows.writeTo(gold).append()


def peer(python: str, exchange: str, rows: int) -> float:
    """Let a program of another environment carry the same topic; rows a second."""
    words = [python, "-P", "-m", "benchmarks.lake_peer", exchange, str(rows)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def jvm_mb(spark: SparkSession) -> float:
    """Return the heap that is in use after a collection."""
    runtime = spark._jvm.java.lang.Runtime.getRuntime()
    runtime.gc()
    return (runtime.totalMemory() - runtime.freeMemory()) / 1024**2


def session(env: dict[str, str]) -> SparkSession:
    builder = SparkSession.builder.appName("bench")
    for key, value in conf(Storage.read(env)).items():
        builder = builder.config(key, value)
    return builder.config("spark.ui.enabled", "false").getOrCreate()


def main() -> None:
    """Measure and print, each figure as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--table", type=int, default=100_000_000)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--peer-python", help="an interpreter that has pyiceberg")
    asked = parser.parse_args()
    env = dict(os.environ)
    settings = Settings.read(env)
    spark = session(env)
    bench = Bench(spark, settings)
    bootstrap(spark, bench.settings)
    said: dict[str, object] = {}

    def tell(name: str, value: object) -> None:
        said[name] = round(value, 2) if isinstance(value, float) else value
        print(f"{name}: {said[name]}", flush=True)

    tell("produced, messages/s", bench.produce(asked.rows))
    tell(
        "peer: consumer and pyiceberg appends, rows/s",
        peer(asked.peer_python, bench.exchange, asked.rows),
    )
    tell("Kafka -> bronze, rows/s", bench.bronze(asked.rows))
    clock, found = Clock(), {}
    with timed(found, "silver"):
        bench.refine(clock)
    tell("bronze -> silver, rows/s", asked.rows / found["silver"])
    with timed(found, "gold"):
        bench.promote(clock)
    minutes = clock.between("between the tables", "after gold.candles_1m")
    tell("silver -> gold, rows/s", asked.rows / (found["gold"] - minutes))
    with timed(found, "wider"):
        roll_up(spark, [app_of(each) for each in CANDLES], bench.settings)
    share = (minutes + found["wider"]) / (found["gold"] - minutes)
    tell("candles of all widths, share of gold's time", share)
    for name, count in (("nothing new", 0), ("10,000 rows", 10_000)):
        bench.lane(count)
        tell(f"a lane run over {name}, s", bench.lane(count))
    small = bench.lane(asked.rows // 10)
    tell(f"gold of {asked.rows // 10:,} rows into {asked.rows:,}, s", small)
    if asked.table:
        bench.fill_gold(asked.table)
        large = bench.lane(asked.rows // 10)
        tell(f"the same into {asked.table:,}, s", large)
    before = jvm_mb(spark), psutil.Process().memory_info().rss / 1024**2
    for _ in range(asked.runs):
        bench.lane(10)
    after = jvm_mb(spark), psutil.Process().memory_info().rss / 1024**2
    tell(f"heap in use, MB, before and after {asked.runs} runs", (before, after))
    tell(
        "peak of this Python, MB",
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
    print(json.dumps(said, default=str))
    spark.stop()


if __name__ == "__main__":
    main()
