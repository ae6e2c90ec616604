"""The month that a bench writes is one: in a real database, and where files go."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg2.extensions import cursor

from benchmarks import month_history
from benchmarks.month import table
from benchmarks.month_history import database
from dags.factory.housekeeping import clean_database, prune_logs
from expectations.gate_digest import hours
from expectations.gate_notes import last, notes
from stack import steps
from stack.programs import postgres
from stack.settings import environment
from stack.when_ready import answers
from tests.laptop.test_postgres import held, started
from tests.stack.laptop import Laptop

DAY = timedelta(days=1)
OF_ONE_DAY = 2880
"""Runs of a lane."""


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    """A home with its settings, in which nothing runs."""
    return Laptop(tmp_path / "home")


@pytest.fixture
def migrated(laptop: Laptop) -> Iterator[Laptop]:
    """Airflow's own database, with one run of each lane."""
    place, env = laptop.place, environment(laptop.place)
    for folder in (place.data, place.run, place.conf):
        folder.mkdir(parents=True)
    steps.init_postgres(place, env)
    with started(place):
        assert held(lambda: answers(postgres(place).ready))
        steps.databases(place, env)
        steps.migrate_airflow(place, env)
        with database(laptop) as asked:
            for exchange in laptop.exchanges:
                one_run(asked, f"lane__{exchange}")
        yield laptop


def one_run(asked: cursor, dag: str) -> None:
    """Write one run of three tasks, each with an XCom and a line of the log."""
    add(asked, "dag_bundle", name=dag)
    add(asked, "dag", dag_id=dag, bundle_name=dag)
    run = {"dag_id": dag, "run_id": "r"}
    now = datetime.now(UTC)
    add(asked, "dag_run", **run, state="success", run_after=now, start_date=now)
    asked.execute("SELECT id FROM dag_run WHERE dag_id = %s", (dag,))
    (number,) = asked.fetchone() or (None,)
    for task in ("silver", "gate", "gold"):
        mine = {**run, "task_id": task, "map_index": -1}
        add(asked, "task_instance", **mine, state="success", start_date=now)
        add(asked, "xcom", **mine, dag_run_id=number, key="return_value", timestamp=now)
        add(asked, "log", **mine, dttm=now, event="success")


FILLERS = {"boolean": False, "integer": 1, "json": "{}", "jsonb": "{}"}


def add(asked: cursor, into: str, **known: object) -> None:
    """Insert a row; what must be something, and is not named, is anything."""
    asked.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_name = %s AND table_schema = 'public' AND is_nullable = 'NO' "
        "AND column_default IS NULL",
        (into,),
    )
    for column, kind in asked.fetchall():
        if kind == "uuid":
            known.setdefault(column, "00000000-0000-0000-0000-" + os.urandom(6).hex())
        known.setdefault(column, FILLERS.get(kind, "x"))
    marks = ", ".join(["%s"] * len(known))
    asked.execute(
        f"INSERT INTO {into} ({', '.join(known)}) VALUES ({marks})",
        list(known.values()),
    )


def counted(laptop: Laptop, what: str) -> int:
    with database(laptop) as asked:
        asked.execute(f"SELECT count(*) FROM {what}")
        (number,) = asked.fetchone() or (-1,)
        return int(number)


def test_a_history_is_as_old_as_it_says_and_is_cleaned_by_age(
    migrated: Laptop,
) -> None:
    lanes, of_six_hours = len(migrated.exchanges), OF_ONE_DAY // 4
    written = month_history.write_runs(migrated, 0.5)

    assert written["dag_run"] == 2 * of_six_hours * lanes
    assert written["task_instance"] == written["xcom"] == 3 * written["dag_run"]
    assert counted(migrated, "task_instance") == written["task_instance"] + 3 * lanes
    # Airflow takes the highest id for the newest run.
    newest = "dag_run WHERE run_id = 'r' AND id = (SELECT max(id) FROM dag_run)"
    assert counted(migrated, newest) == 1
    # The newest of the history is an hour old.
    old = "dag_run WHERE run_after < now() - INTERVAL '7 hours'"
    some = 6 * lanes
    assert counted(migrated, old) == pytest.approx(of_six_hours * lanes, abs=some)

    env = environment(migrated.place)
    before = datetime.now(UTC) - timedelta(hours=7)
    clean_database(env["BULLION_AIRFLOW_DATABASE"], before, env)

    assert counted(migrated, old) <= some
    left = counted(migrated, "dag_run")
    assert left == pytest.approx(of_six_hours * lanes, abs=some)
    for name in ("task_instance", "xcom"):
        assert counted(migrated, name) == 3 * left


def test_gates_of_a_month_are_hours_and_the_newest_stays_the_newest(
    laptop: Laptop,
) -> None:
    gates, (exchange, *others) = laptop.settings.gates, laptop.exchanges
    gates.mkdir(parents=True)
    told = {"at": "2026-11-29T19:00:00+00:00", "rows": 3, "outcome": "passed"}
    now = told | {"failed": [], "measured": {}, "at": datetime.now(UTC).isoformat()}
    for each in (exchange, *others):
        notes(gates, each).write_text(json.dumps(now) + "\n")

    written = month_history.write_gates(laptop, 1)

    assert written == OF_ONE_DAY * len(laptop.exchanges)
    found = hours(gates, exchange)
    assert sum(hour.gates for hour in found) == OF_ONE_DAY + 1
    assert len(found) in (25, 26, 27) and last(gates, exchange) == now


def test_old_logs_are_where_airflow_has_them_and_go_whole(laptop: Laptop) -> None:
    folder = laptop.home / "airflow/logs"
    for exchange in laptop.exchanges:
        for task in ("silver", "gate", "gold"):
            place = folder / f"dag_id=lane__{exchange}/run_id=r/task_id={task}"
            place.mkdir(parents=True)
            (place / "attempt=1.log").write_text("a line\n")
    models = 3 * len(laptop.exchanges)

    written = month_history.write_logs(laptop, 0.01, 15 * DAY)

    assert written == 28 * models
    assert prune_logs(folder, datetime.now(UTC) - 14 * DAY)["files"] == written
    assert len(list(folder.rglob("*.log"))) == models


def test_results_are_each_of_a_run_of_their_own(laptop: Laptop) -> None:
    folder = Path(environment(laptop.place)["BULLION_GX_RESULTS"])
    place = folder / "silver_trades_rows/acme.run/20261129T190000.000000Z"
    place.mkdir(parents=True)
    (place / "batch.json").write_text('{"success": true}')

    assert month_history.write_results(laptop, 50) == 50

    ages = {file.stat().st_mtime for file in folder.rglob("*.json")}
    assert len(ages) == len(list(folder.rglob("*.json"))) == 51


def test_figures_stand_side_by_side() -> None:
    told = table({"before": {"a": "1"}, "after": {"a": "2", "b": "3"}})

    assert told.splitlines() == [
        "| | before | after |",
        "|---|---|---|",
        "| a | 1 | 2 |",
        "| b |  | 3 |",
    ]
