"""A day of the past that Airflow brings while a bench goes on, and whether it came."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.client import CONFLICT
from typing import Any
from urllib.error import HTTPError, URLError

from query.airflow_api import Airflow
from schemas.exchange import has_past_days
from tests.stack.laptop import Laptop, eventually
from tests.stack.promises import GOLD, truth_of

PATIENCE = 3600
"""Seconds that a day may take once nothing is killed any more."""
DAY_US = 86_400 * 10**6


def yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def begin(laptop: Laptop, day: date) -> dict[str, str]:
    """Have each exchange's day brought; return the DAGs' runs by exchange."""
    runs = {
        exchange: f"bench__{day}"
        for exchange in laptop.exchanges
        if has_past_days(exchange)
    }
    for exchange, run in runs.items():
        what = f"Airflow takes the day of {exchange}"
        eventually(partial(begun, laptop, exchange, run, day), what, every=5)
    return runs


def begun(laptop: Laptop, exchange: str, run: str, day: date) -> bool:
    """Ask for a run of this name; return whether Airflow has it."""
    path = f"/api/v2/dags/backfill__{exchange}/dagRuns"
    body = {"dag_run_id": run, "logical_date": None, "conf": {"day": f"{day}"}}
    try:
        Airflow(laptop.settings).ask(path, body)
    except HTTPError as refused:
        # A question whose answer was too late has made the run.
        return refused.code == CONFLICT
    except (URLError, OSError):
        return False
    return True


def wait(laptop: Laptop, runs: Mapping[str, str]) -> None:
    """Return once each run has ended; a failed one is shown by what is missing."""
    for exchange, run in runs.items():
        took = eventually(
            lambda: state(laptop, exchange, run) in ("success", "failed"),
            f"{exchange}'s day",
            within=PATIENCE,
        )
        print(f"{exchange}'s day: {state(laptop, exchange, run)} after {took:.0f} s")


def state(laptop: Laptop, exchange: str, run: str) -> str:
    path = f"/api/v2/dags/backfill__{exchange}/dagRuns/{run}"
    try:
        return str(Airflow(laptop.settings).ask(path)["state"])
    except (URLError, OSError, KeyError) as away:
        return f"unknown: {away}"


def lacking(laptop: Laptop, day: date) -> list[dict[str, Any]]:
    """Return the symbols of which gold has not the whole day.

    Its ids follow upon each other, and the trades beside its first and its last
    happened on other days.
    """
    begins = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1e6)
    rows = laptop.sql(
        "SELECT exchange, vendor_data['native_symbol'] AS native, count(*) AS held, "
        "min(trade_id::BIGINT) AS first, max(trade_id::BIGINT) AS last "
        f"FROM {GOLD} WHERE timestamp >= '{day}' AND timestamp < '{day}'::DATE + 1 "
        "GROUP BY ALL ORDER BY ALL"
    )
    print(f"{day}: {json.dumps(rows)}")
    wrong = []
    for row in rows:
        first, last = int(row["first"]), int(row["last"])
        exchange = str(row["exchange"]).lower()
        around: dict[int, dict[str, Any]] = {}
        for number in (first - 1, last + 1):
            around |= truth_of(laptop, exchange, str(row["native"]), number, number)
        whole = (
            last - first + 1 == int(row["held"])
            and int(around[first - 1]["time_us"]) < begins
            and int(around[last + 1]["time_us"]) >= begins + DAY_US
        )
        wrong += [] if whole else [row]
    return wrong or ([] if rows else [{"held": 0}])


def in_gold(laptop: Laptop, runs: Mapping[str, str], day: date) -> None:
    """Return once gold holds what was brought, or no more of it comes."""
    wait(laptop, runs)
    began = time.monotonic()
    while lacking(laptop, day) and time.monotonic() - began < PATIENCE / 2:
        time.sleep(20)
