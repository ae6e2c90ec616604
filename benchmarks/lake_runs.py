"""Run after run over the laptop's warm driver: does what it holds stay flat?"""

import argparse
import json
import os
import time
from dataclasses import replace

import psutil
from pyspark.sql import SparkSession

from benchmarks.jvm import memory
from benchmarks.lake_trades import Trades
from schemas.table import all_exchanges, table_at
from spark_apps.gold.trades import APP as GOLD
from spark_apps.lane import promote, refine
from spark_apps.rollup import roll_up
from spark_apps.run import CANDLES, app_of
from spark_apps.settings import Settings
from spark_apps.silver.trades import APP as SILVER
from spark_apps.streams import history, newest_data
from spark_apps.writer_session import open_writer

TRADES_A_RUN = 10
OFTEN = 10
"""Wider candles come with every so many runs."""
WARM = 20
"""Runs after which what is loaded once has been loaded."""
FIRST_ID = 500_000_000
"""Behind all that the bench before has sent."""


class Lane:
    """One exchange's lane, each step in the session of its turn, as Airflow does it."""

    def __init__(self, settings: Settings) -> None:
        self.exchange = all_exchanges()[0]
        self.settings = replace(settings, exchanges=(self.exchange,))
        self.trades = Trades(self.exchange, settings, FIRST_ID)
        self.sessions: dict[str, SparkSession] = {}

    def session(self, turn: str) -> SparkSession:
        return open_writer(self.settings.connect_host, self.settings.connect_port, turn)

    def newest(self, spark: SparkSession, address: str) -> int | None:
        name = table_at(address).identifier(self.exchange)
        return newest_data(history(spark, name))

    def run(self, number: int) -> None:
        """Carry some new trades from the topic to candles."""
        silver = self.session(f"silver.trades.{self.exchange}")
        before = self.newest(silver, "bronze.trades")
        self.trades.produce(TRADES_A_RUN)
        while self.newest(silver, "bronze.trades") == before:
            time.sleep(0.3)
        refine(silver, SILVER, self.exchange, self.settings)
        gold = self.session(f"gold.trades.{self.exchange}")
        gated = self.newest(gold, "silver.trades")
        assert gated is not None
        promote(gold, GOLD, self.exchange, self.settings, gated)
        if number % OFTEN == 0:
            wider = [app_of(each) for each in CANDLES]
            roll_up(self.session("gold.candles"), wider, self.settings)


def driver(port: int) -> int:
    """Return the process that listens at the warm driver's port."""
    listening = (each for each in psutil.net_connections("tcp") if each.laddr)
    return next(
        each.pid
        for each in listening
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid
    )


def main() -> None:
    """Run, and print what the driver holds now and then; all of it in the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    asked = parser.parse_args()
    # Spark's functions make expressions for a server then, and not for a JVM at hand.
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    settings = Settings.read(os.environ)
    lane, pid = Lane(settings), driver(settings.connect_port)
    told = {}
    began = time.monotonic()
    for number in range(asked.runs + 1):
        lane.run(number)
        if number == WARM or number % 40 == 0:
            told[number] = {k: round(v, 1) for k, v in memory(pid).items()}
            took = (time.monotonic() - began) / (number + 1)
            print(
                f"after {number} runs, MB: {told[number]}; {took:.1f} s each",
                flush=True,
            )
    print(json.dumps(told))


if __name__ == "__main__":
    main()
