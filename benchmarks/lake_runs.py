"""Run after run over the laptop's warm driver: does what it holds stay flat?

Upkeep runs now and then as it does on a laptop, with ages shortened to fit: without it
the history of the tables, which the driver reads, would grow with the runs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

import psutil

from benchmarks.jvm import classes, memory
from benchmarks.lake_trades import Trades
from schemas.table import ROOT, all_exchanges
from spark_apps.settings import Settings

TRADES_A_RUN = 10
OFTEN = 10
"""Wider candles come with every so many runs."""
KEPT_FOR = {
    "BULLION_KEEP_SNAPSHOTS_HOURS": "0.1",
    "BULLION_KEEP_BRONZE_SNAPSHOTS_HOURS": "0.1",
}
"""Ages of snapshots in upkeep: some 50 runs long."""
GREW = 12
"""Classes that are named in the end, those first that grew most."""
WARM = 20
"""Runs after which what is loaded once has been loaded."""
NOW_AND_THEN = 50
FIRST_ID = 500_000_000
"""Behind all that the bench before has sent."""
PATIENCE = 300
"""Seconds that a step may take."""


class Lane:
    """One exchange's lane, each step a process of its own, as Airflow runs them."""

    def __init__(self, settings: Settings) -> None:
        self.exchange = all_exchanges()[0]
        self.trades = Trades(self.exchange, settings, FIRST_ID)

    def run(self, number: int) -> None:
        """Carry some new trades from the topic to candles."""
        self.trades.produce(TRADES_A_RUN)
        rows = 0
        while rows < TRADES_A_RUN:
            report = step("silver.trades", self.exchange)
            rows += report["rows"]
        gated = report["snapshot_id"]
        carried = step("gold.trades", self.exchange, "--gated", gated)
        assert carried["inserted"] == TRADES_A_RUN, carried
        if number % OFTEN == 0:
            step("gold.candles")


def step(*words: str) -> dict[str, Any]:
    """Run a step of a lane, or upkeep; return its report."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "spark_apps.run", *words],
        cwd=ROOT,
        env={**os.environ, **KEPT_FOR},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def driver(port: int) -> int:
    """Return the process that listens at the warm driver's port."""
    return next(
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid
    )


def main() -> None:
    """Run, and print what the driver holds now and then; all of it in the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    asked = parser.parse_args()
    settings = Settings.read(os.environ)
    lane, pid = Lane(settings), driver(settings.connect_port)
    told, first = {}, dict[str, float]()
    began = time.monotonic()
    for number in range(1, asked.runs + 1):
        lane.run(number)
        if number == WARM or number % NOW_AND_THEN == 0:
            step("upkeep")
            told[number] = {name: round(mb, 1) for name, mb in memory(pid).items()}
            told[number]["threads"] = psutil.Process(pid).num_threads()
            first = first or dict(classes(pid))
            took = (time.monotonic() - began) / number
            print(
                f"after {number} runs, MB and threads: {told[number]}; "
                f"{took:.1f} s each",
                flush=True,
            )
    grown = {name: mb - first.get(name, 0) for name, mb in classes(pid).items()}
    for name in sorted(grown, key=grown.__getitem__, reverse=True)[:GREW]:
        print(f"{name}: {grown[name]:+.2f} MB since run {WARM}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
