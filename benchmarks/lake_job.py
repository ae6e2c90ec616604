"""The work of `./bullion bench lake`: the apps themselves, in one local driver."""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

import psutil
from confluent_kafka import Producer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from benchmarks.sizing import COSTS, SIZES
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
WIDER = [app_of(each) for each in CANDLES]
PEERS = {
    "consumer and pyiceberg appends": "lake_peer",
    "Kafka Connect and the Iceberg sink": "connect_peer",
}
Figures = Mapping[str, float]
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass
class Clock:
    """Notes when each point of a batch was passed, to say what took how long."""

    passed: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, point: str) -> None:
        self.passed.append((point, time.monotonic()))

    def between(self, first: str, last: str) -> float:
        """Return the seconds from one point to another, of all batches together."""
        times = {
            point: [t for p, t in self.passed if p == point] for point in (first, last)
        }
        return sum(times[last]) - sum(times[first])


def busy() -> float:
    """Return the core seconds that this whole machine has worked since it began."""
    spent = psutil.cpu_times()
    return float(spent.user + spent.system + spent.irq + spent.softirq)


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Give what tells afterwards how many seconds it took."""
    began, ended = time.monotonic(), 0.0
    yield lambda: ended - began
    ended = time.monotonic()


def middle(runs: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return {name: median(run[name] for run in runs) for name in runs[0]}


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

    def lane(self, count: int) -> Figures:
        """Carry so many new trades, and what is there, from the topic to candles.

        `gold` is without its candles; those of a minute belong to the lane's run, the
        wider ones to a run of their own.
        """
        if count:
            self.produce(count)
            self.bronze(count)
        clock = Clock()
        with timed() as silver:
            self.refine(clock)
        with timed() as gold:
            self.promote(clock)
        with timed() as wider:
            roll_up(self.spark, WIDER, self.settings)
        minutes = clock.between("between the tables", "after gold.candles_1m")
        return {
            "silver": silver(),
            "gold": gold() - minutes,
            "candles of a minute": minutes,
            "lane": silver() + gold(),
            "wider candles": wider(),
        }

    def runs(self, count: int) -> Iterator[int]:
        """Give the number of each lane run that is done, over ten new trades or more.

        Bronze lives beside them, as it does in the bronze driver; wider candles come
        with every tenth run.
        """
        often = replace(self.settings, bronze_trigger_seconds=0)
        query = start(self.spark, BRONZE, self.exchange, often)
        bronze = table_at("bronze.trades").identifier(self.exchange)
        try:
            for number in range(1, count + 1):
                before = newest_data(history(self.spark, bronze))
                self.produce(10)
                while newest_data(history(self.spark, bronze)) == before:
                    time.sleep(0.1)
                self.refine(Clock())
                self.promote(Clock())
                if number % 10 == 0:
                    roll_up(self.spark, WIDER, self.settings)
                yield number
        finally:
            query.stop()

    def bytes_a_row(self, kafka: Path) -> Figures:
        """Return what a trade takes on disk, without copies, by where it lies."""
        topic = kafka.glob(f"{TRADES.name(self.exchange)}-*/*.log")
        sizes = {"kafka": sum(file.stat().st_size for file in topic) / self.next_id}
        for address in ("bronze.trades", "silver.trades", "gold.trades"):
            name = table_at(address).identifier(self.exchange)
            files = self.spark.table(f"{CATALOG}.{name}.files")
            (row,) = files.selectExpr(
                "sum(file_size_in_bytes) / sum(record_count) AS size"
            ).collect()
            sizes[address.split(".")[0]] = row.size
        return sizes

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


def peer(python: str, program: str, exchange: str, rows: int) -> float | None:
    """Let a program of another environment carry the same topic; rows a second.

    None if it cannot: it has said why.
    """
    words = [python, "-P", "-m", f"benchmarks.{program}", exchange, str(rows)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    return float(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def memory(spark: SparkSession) -> Figures:
    """Return the heap in use after a collection, and what Python and the JVM hold."""
    runtime = spark._jvm.java.lang.Runtime.getRuntime()
    runtime.gc()
    python = psutil.Process()
    (jvm,) = (each for each in python.children() if each.name() == "java")
    return {
        "heap": (runtime.totalMemory() - runtime.freeMemory()) / 1024**2,
        "JVM": jvm.memory_info().rss / 1024**2,
        "Python": python.memory_info().rss / 1024**2,
    }


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
    parser.add_argument("--kafka-data", type=Path, help="the broker's folder")
    parser.add_argument("--peer-python", help="an interpreter that has pyiceberg")
    asked = parser.parse_args()
    env = dict(os.environ)
    settings = Settings.read(env)
    spark = session(env)
    bench = Bench(spark, settings)
    bootstrap(spark, bench.settings)
    said: dict[str, object] = {}

    def tell(name: str, value: float | Figures) -> None:
        if isinstance(value, float):
            said[name] = round(value, 2)
        else:
            said[name] = {each: round(part, 2) for each, part in value.items()}
        print(f"{name}: {said[name]}", flush=True)

    # A lane's driver lives for hours: what it compiles once is not measured.
    bench.lane(asked.rows // 10)
    tell("produced, messages/s", bench.produce(asked.rows))
    for name, program in PEERS.items():
        rate = peer(asked.peer_python, program, bench.exchange, asked.rows)
        if rate is not None:
            tell(f"peer: {name}, rows/s", rate)
    spent = [busy()]
    tell("Kafka -> bronze, rows/s", bench.bronze(asked.rows))
    spent.append(busy())
    took = bench.lane(0)
    spent.append(busy())
    tell("bronze -> silver, rows/s", asked.rows / took["silver"])
    tell("silver -> gold, rows/s", asked.rows / took["gold"])
    for candles in ("candles of a minute", "wider candles"):
        tell(f"{candles}, share of gold's time", took[candles] / took["gold"])
    tell(
        COSTS,
        {
            name: (after - before) / asked.rows * 1e6
            for name, before, after in zip(
                ("bronze", "silver, gold, candles"), spent, spent[1:], strict=False
            )
        },
    )
    tell(SIZES, bench.bytes_a_row(asked.kafka_data))
    for name, count in (("nothing new", 0), ("10,000 rows", 10_000)):
        bench.lane(count)
        tell(f"a lane run over {name}, s", bench.lane(count))
    part = asked.rows // 10
    small = [bench.lane(part) for _ in range(3)]
    tell(f"gold of {part:,} rows into {2 * asked.rows:,}, s", middle(small))
    if asked.table:
        bench.fill_gold(asked.table)
        large = [bench.lane(part) for _ in range(3)]
        tell(f"the same into {asked.table:,} more, s", middle(large))
    tell("memory after 0 runs, MB", memory(spark))
    for number in bench.runs(asked.runs):
        if number % 100 == 0:
            tell(f"memory after {number} runs, MB", memory(spark))
    print(json.dumps(said, default=str))
    spark.stop()


if __name__ == "__main__":
    main()
