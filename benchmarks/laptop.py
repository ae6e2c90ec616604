"""The figures of the README: a fresh clone is started, loaded, restarted and left idle.

    ./bullion bench laptop [--recorded ../shared/data] [--minutes 10] [--keep]

Nothing else should run on the machine. Packages come from the user's caches, if they
are there: run it twice to measure with and without. It takes the usual ports, and half
an hour. Each figure is printed as it is known; the last line is all of them as JSON.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.table import ROOT
from stack.measure import cores, whole_mb
from stack.place import Place

RATE = 200
IDLE_SECONDS = 120


class Clone:
    """A fresh clone of this checkout, with a home of its own, driven by `./bullion`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "bullion"
        subprocess.run(
            ["git", "clone", "--quiet", str(ROOT), str(self.root)], check=True
        )
        self.env = {k: v for k, v in os.environ.items() if k[:8] != "BULLION_"}
        self.place = Place.read({"BULLION_HOME": str(self.root / ".bullion")})

    def run(self, *words: str) -> str:
        """Return what `./bullion WORDS` printed; its errors are shown as they come."""
        done = subprocess.run(
            [str(self.root / "bullion"), *words],
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words))

    def gold(self) -> int:
        query = "SELECT count(*) AS n FROM gold_crypto_trades"
        return int(self.json("sql", query, "--format", "json")[0]["n"])


def seconds(act: Callable[[], object]) -> float:
    """Return how long it took."""
    began = time.monotonic()
    act()
    return round(time.monotonic() - began, 1)


def measure(clone: Clone, recorded: Path | None, minutes: float) -> dict[str, Any]:
    """Return every figure by name; each is printed when it is known."""
    found: dict[str, Any] = {}

    def tell(name: str, value: object) -> None:
        found[name] = value
        print(f"{name}: {value}", flush=True)

    tell(
        "clone to first gold rows, s",
        seconds(lambda: clone.run("up", "--feed", "simulated", "--rate", str(RATE))),
    )
    # The first runs carry what waited while the lanes started.
    time.sleep(90 + minutes * 60)
    tell("resident, MB", round(whole_mb(clone.place)))
    tell(f"cores busy at {RATE} trades/s", round(cores(clone.place, 60), 2))
    tell(
        f"freshness at {RATE} trades/s over {minutes:g} min",
        clone.json("freshness", "--minutes", str(minutes), "--json"),
    )
    tell("down, s", seconds(lambda: clone.run("down")))
    tell("second start, s", seconds(lambda: clone.run("up", "--no-wait")))
    before = clone.gold()
    began = time.monotonic()
    while clone.gold() <= before:
        time.sleep(1)
    tell("then to the next rows in gold, s", round(time.monotonic() - began, 1))
    if recorded is not None:
        clone.run("up", "--feed", f"recorded={recorded}", "--no-wait")
        tell("recorded trades, s from the first frame", arrivals(clone))
        time.sleep(60)
        tell(
            f"idle cores over {IDLE_SECONDS} s",
            round(cores(clone.place, IDLE_SECONDS), 2),
        )
    return found


def arrivals(clone: Clone) -> dict[str, float]:
    """Return when 10,000 recorded trades, and when the last of them, were in gold."""
    query = (
        "SELECT count(*) AS n, epoch(min(ingestion_timestamp)) AS began "
        "FROM gold_crypto_trades WHERE timestamp < TIMESTAMPTZ '2026-01-01'"
    )
    found: dict[str, float] = {}
    last, quiet_since = 0, time.time()
    while time.time() - quiet_since < 60:
        (row,) = clone.json("sql", query, "--format", "json")
        if row["n"] != last:
            last, quiet_since = row["n"], time.time()
            took = round(quiet_since - row["began"], 1)
            if last >= 10_000:
                found.setdefault("10,000", took)
            found["all"] = took
    return found | {"count": last}


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--recorded", type=Path, help="a folder of recorded trades")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--keep", action="store_true", help="leave it running")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bullion-bench-"))
    clone = Clone(folder)
    recorded = asked.recorded.resolve() if asked.recorded else None
    try:
        print(json.dumps(measure(clone, recorded, asked.minutes)))
    finally:
        if not asked.keep:
            clone.run("down")
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
