"""The work of `./bullion bench lake`: the apps themselves, in one local driver."""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from statistics import median

import psutil
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from benchmarks.lake_trades import START, Trades
from benchmarks.sizing import COSTS, SIZES
from schemas.table import CATALOG, all_exchanges, table_at
from schemas.topic import TRADES
from spark_apps.bootstrap import bootstrap
from spark_apps.bronze.trades import APP as BRONZE
from spark_apps.continuous import start
from spark_apps.gold.trades import APP as GOLD
from spark_apps.jobs import CANDLES, app_of
from spark_apps.lane import promote, refine
from spark_apps.rollup import roll_up
from spark_apps.session import conf
from spark_apps.settings import Settings, Storage
from spark_apps.silver.trades import APP as SILVER
from spark_apps.streams import history, newest_data

WIDER = [app_of(each) for each in CANDLES]
PEERS = {
    "consumer and pyiceberg appends": "lake_peer",
    "Kafka Connect and the Iceberg sink": "connect_peer",
}
WARM = 6
"""Runs of few rows that a driver, which lives for hours, has behind it: what Spark
interprets is slow until Java has compiled it."""
Figures = Mapping[str, float]


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
        self.trades = Trades(self.exchange, settings)

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
            self.trades.produce(count)
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

    def bytes_a_row(self, kafka: Path) -> Figures:
        """Return what a trade takes on disk, without copies, by where it lies."""
        topic = kafka.glob(f"{TRADES.name(self.exchange)}-*/*.log")
        sizes = {
            "kafka": sum(file.stat().st_size for file in topic) / self.trades.next_id
        }
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
    tell("produced, messages/s", bench.trades.produce(asked.rows))
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
        for _ in range(WARM):
            bench.lane(count)
        few = [bench.lane(count) for _ in range(3)]
        tell(f"a lane run over {name}, s", middle(few))
    part = asked.rows // 10
    small = [bench.lane(part) for _ in range(3)]
    tell(f"gold of {part:,} rows into {2 * asked.rows:,}, s", middle(small))
    if asked.table:
        bench.fill_gold(asked.table)
        large = [bench.lane(part) for _ in range(3)]
        tell(f"the same into {asked.table:,} more, s", middle(large))
    print(json.dumps(said, default=str))
    spark.stop()


if __name__ == "__main__":
    main()
