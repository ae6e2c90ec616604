"""What people and the scheduler feel of a history: answers, delays, sizes."""

import os
import statistics
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.month_history import database
from query.airflow_api import Airflow
from stack.settings import environment
from tests.stack.laptop import Laptop

ASKED = 7
"""How often each page is asked; the median and the slowest are told."""


def pages(laptop: Laptop, flow: Airflow) -> dict[str, str]:
    """Return what the pages of people ask, as their own front end asks it."""
    dag = f"lane__{laptop.exchanges[0]}"
    newest = "limit=14&order_by=-run_after"
    runs = flow.ask(f"/api/v2/dags/{dag}/dagRuns?{newest}")["dag_runs"]
    ids = urllib.parse.urlencode([("run_ids", run["dag_run_id"]) for run in runs])
    day = urllib.parse.quote((datetime.now(UTC) - timedelta(days=1)).isoformat())
    return {
        "DAG list": "/ui/dags?limit=50&dag_runs_limit=14&order_by=dag_id",
        "grid of a lane: structure": f"/ui/grid/structure/{dag}?{newest}",
        "grid of a lane: runs": f"/ui/grid/runs/{dag}?{newest}",
        "grid of a lane: tasks": f"/ui/grid/ti_summaries/{dag}?{ids}",
        "runs of a lane": f"/api/v2/dags/{dag}/dagRuns?limit=50&order_by=-run_after",
        "home: last day": f"/ui/dashboard/historical_metrics_data?start_date={day}",
        "lakehouse page": "/lakehouse/api/page",
    }


def answers(laptop: Laptop) -> dict[str, str]:
    """Return of each page the median and the slowest answer, in ms."""
    flow = Airflow(laptop.settings)
    found = {}
    for name, path in pages(laptop, flow).items():
        fetch(flow, path)
        found[f"{name}, ms"] = times(partial(fetch, flow, path))
    found["what a look asks of Airflow, ms"] = times(lambda: look(laptop))
    return found


def fetch(flow: Airflow, path: str) -> bytes:
    """Return all of an answer, whatever it is: some come line by line."""
    request = urllib.request.Request(
        flow.url + path, headers={"Authorization": f"Bearer {flow.token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        said: bytes = answer.read()
        return said


def look(laptop: Laptop) -> None:
    """Ask Airflow what the watch asks."""
    flow = Airflow(laptop.settings)
    for exchange in laptop.exchanges:
        flow.lane(exchange)
    flow.failed_dags()
    assert flow.state == "ok", flow.state


def times(act: Callable[[], object]) -> str:
    took = []
    for _ in range(ASKED):
        began = time.monotonic()
        act()
        took.append(1000 * (time.monotonic() - began))
    return f"{statistics.median(took):,.0f} (slowest {max(took):,.0f})"


def lanes(laptop: Laptop, seconds: float) -> dict[str, str]:
    """Watch the scheduler for so long; return its heartbeat, and how lanes went."""
    flow, oldest = Airflow(laptop.settings), 0.0
    began = datetime.now(UTC)
    while datetime.now(UTC) - began < timedelta(seconds=seconds):
        told = flow.ask("/api/v2/monitor/health")["scheduler"]
        beat = datetime.fromisoformat(told["latest_scheduler_heartbeat"])
        oldest = max(oldest, (datetime.now(UTC) - beat).total_seconds())
        time.sleep(1)
    late, took = [], []
    for exchange in laptop.exchanges:
        path = f"/api/v2/dags/lane__{exchange}/dagRuns?limit=50&order_by=-run_after"
        for run in flow.ask(path)["dag_runs"]:
            if run["end_date"] and moment(run["run_after"]) > began:
                late.append(between(run["run_after"], run["start_date"]))
                took.append(between(run["start_date"], run["end_date"]))
    assert late, f"no lane run ended in {seconds:g} s"
    return {
        "scheduler's heartbeat, oldest, s": f"{oldest:.1f}",
        "a lane run begins late by, s": f"{spread(late)}",
        "a lane run takes, s": f"{spread(took)} of {len(took)} runs",
    }


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def between(first: str, second: str) -> float:
    return (moment(second) - moment(first)).total_seconds()


def spread(figures: list[float]) -> str:
    return f"{statistics.median(figures):.1f} (slowest {max(figures):.1f})"


def sizes(laptop: Laptop) -> dict[str, str]:
    """Return what there is, in files, rows and MB on the disk."""
    env = environment(laptop.place)
    with database(laptop) as asked:
        asked.execute("SELECT pg_database_size(current_database())")
        size: Any = asked.fetchone()
        asked.execute("SELECT count(*) FROM task_instance")
        rows: Any = asked.fetchone()
    return {
        "Airflow's database, MB": f"{size[0] / 1e6:,.0f}",
        "task instances in it": f"{rows[0]:,}",
        "task logs": on_disk(laptop.home / "airflow/logs"),
        "validation results": on_disk(Path(env["BULLION_GX_RESULTS"])),
        "Data Docs": on_disk(Path(env["BULLION_DATA_DOCS"]).resolve()),
        "gates' notes": on_disk(Path(env["BULLION_GATES"])),
    }


def on_disk(folder: Path) -> str:
    """Return files and MB as the disk has them, whole blocks."""
    files = size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            files += 1
            size += Path(place, name).lstat().st_blocks * 512
    return f"{files:,} files, {size / 1e6:,.0f} MB"


def triggered(laptop: Laptop, dag: str, patience: timedelta) -> str:
    """Run a DAG by hand to its end; return how long it took, and how it ended."""
    flow, run = Airflow(laptop.settings), f"bench-{time.time():.0f}"
    runs = f"/api/v2/dags/{dag}/dagRuns"
    flow.ask(runs, {"dag_run_id": run, "logical_date": None, "conf": {}})
    began = time.monotonic()
    while time.monotonic() - began < patience.total_seconds():
        state = flow.ask(f"{runs}/{run}")["state"]
        if state in ("success", "failed"):
            return f"{state} in {time.monotonic() - began:.0f} s"
        time.sleep(2)
    return f"not over after {patience.total_seconds():.0f} s"
