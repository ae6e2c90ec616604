"""A month of lanes, put where a month would have left it: database, files, notes."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import cursor

from expectations.gate_digest import remember
from expectations.gate_notes import last, notes
from stack.settings import environment
from tests.stack.laptop import Laptop

EVERY = timedelta(seconds=30)
BEGINS = timedelta(hours=1)
"""How long before the model's run the newest run of the history was."""
OF_RUN = {
    "task_instance": "run_id",
    "xcom": "run_id",
    "log": "run_id",
    "asset_event": "source_run_id",
}
"""Tables that grow with each run, and the column that names it; after `dag_run`."""


@contextmanager
def database(laptop: Laptop) -> Iterator[cursor]:
    """Open the stack's own Airflow database; what is written is kept at the end."""
    url = environment(laptop.place)["BULLION_AIRFLOW_DATABASE"]
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as asked:
            yield asked
    finally:
        connection.close()


def columns(asked: cursor, table: str) -> list[tuple[str, str]]:
    """Return name and type of each column that is written and not computed."""
    asked.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = %s "
        "AND is_generated = 'NEVER' ORDER BY ordinal_position",
        (table,),
    )
    return list(asked.fetchall())


def copied(
    asked: cursor, table: str, where: str, runs: int, said: Mapping[str, str]
) -> int:
    """Write rows again, once for each run of the history, each as much older.

    `said` has the SQL of columns that are not simply copied; an empty one is left to
    the table's own default. Returns how many rows were written.
    """
    names, values = [], []
    seconds = f"(g * {EVERY.total_seconds()} + {BEGINS.total_seconds()})"
    for name, kind in columns(asked, table):
        value = said.get(name, name)
        if name not in said and kind.startswith("timestamp"):
            value = f"{name} - {seconds} * INTERVAL '1 second'"
        if value:
            names.append(f'"{name}"')
            values.append(value)
    asked.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} "
        f"FROM {table}, generate_series(1, {runs}) g WHERE {where}"
    )
    return int(asked.rowcount)


def write_runs(laptop: Laptop, days: float) -> dict[str, int]:
    """Give each lane so many days of its last run; return the rows of each table."""
    runs = int(timedelta(days=days) / EVERY)
    written: dict[str, int] = {}
    with database(laptop) as asked:
        for number, exchange in enumerate(laptop.exchanges, 1):
            dag = f"lane__{exchange}"
            model, run_id = model_run(asked, dag)
            # Older than all that is there: Airflow takes the highest for the newest.
            old = f"-(g * {len(laptop.exchanges)} + {number})"
            parts = {"dag_run": f"id = {model}"} | {
                table: f"{run.replace('run_id', 'dag_id')} = '{dag}' "
                f"AND {run} = '{run_id}'"
                for table, run in OF_RUN.items()
            }
            for table, where in parts.items():
                run = OF_RUN.get(table, "run_id")
                said = {run: f"{run} || '-m' || g", "id": ""}
                said |= {
                    "dag_run": {"id": old},
                    "task_instance": {"id": "gen_random_uuid()"},
                    "xcom": {"dag_run_id": old},
                }.get(table, {})
                rows = copied(asked, table, where, runs, said)
                written[table] = written.get(table, 0) + rows
    with database(laptop) as asked:
        asked.execute("ANALYZE")
    return written


def model_run(asked: cursor, dag: str) -> tuple[int, str]:
    """Return id and run id of the newest run in which each task succeeded."""
    asked.execute(
        "SELECT d.id, d.run_id FROM dag_run d JOIN task_instance t USING (dag_id, "
        "run_id) WHERE dag_id = %s AND d.state = 'success' GROUP BY d.id "
        "HAVING bool_and(t.state = 'success') ORDER BY d.id DESC LIMIT 1",
        (dag,),
    )
    found = asked.fetchone()
    assert found, f"{dag} has no run yet in which each task succeeded"
    return int(found[0]), str(found[1])


def write_gates(laptop: Laptop, days: float) -> int:
    """Give each lane the notes of so many days of gates; return how many in all.

    They go through the gate's own door into a folder aside, and from there to where a
    month would have left them: what is being noted meanwhile is not touched.
    """
    gates, count = laptop.settings.gates, int(timedelta(days=days) / EVERY)
    newest = datetime.now(UTC) - BEGINS
    for exchange in laptop.exchanges:
        told = last(gates, exchange)
        assert told, f"the lane of {exchange} had no gate yet"
        with tempfile.TemporaryDirectory() as folder:
            aside = Path(folder)
            for number in range(count, 0, -1):
                at = (newest - number * EVERY).isoformat(timespec="seconds")
                remember(aside, exchange, told | {"at": at})
            file = notes(aside, exchange)
            with notes(gates, exchange).with_suffix(".jsonl.1").open("wb") as kept:
                for part in (file.with_suffix(".jsonl.1"), file):
                    kept.write(part.read_bytes() if part.exists() else b"")
            hours = aside / f"{exchange}.hours.json"
            if hours.exists():
                shutil.copy(hours, gates / hours.name)
    return count * len(laptop.exchanges)


def write_results(laptop: Laptop, count: int) -> int:
    """Copy validation results until there are so many more, each as much older."""
    folder = Path(environment(laptop.place)["BULLION_GX_RESULTS"])
    models = sorted(folder.glob("silver_trades_*/*/*/*.json"))
    assert models, "no gate has stored a result yet"
    newest = datetime.now(UTC) - BEGINS
    for number in range(count):
        model = models[number % len(models)]
        at = newest - number * EVERY
        suite, run = model.parts[-4], model.parts[-3]
        place = folder / suite / f"{run}-m{number}" / f"{at:%Y%m%dT%H%M%S.%fZ}"
        place.mkdir(parents=True)
        file = Path(shutil.copy(model, place))
        os.utime(file, (at.timestamp(), at.timestamp()))
    return count


def write_logs(laptop: Laptop, days: float, age: timedelta) -> int:
    """Write the task logs of so many days, of this age; return how many."""
    folder = laptop.home / "airflow/logs"
    models = [
        file
        for exchange in laptop.exchanges
        for task in ("silver", "gate", "gold")
        for file in sorted(
            folder.glob(f"dag_id=lane__{exchange}/*/task_id={task}/*.log")
        )[:1]
    ]
    at = (datetime.now(UTC) - age).timestamp()
    runs = int(timedelta(days=days) / EVERY)
    for number in range(runs):
        for model in models:
            dag, run, task = model.parts[-4:-1]
            place = folder / dag / f"{run}-m{number}" / task
            place.mkdir(parents=True)
            file = Path(shutil.copyfile(model, place / model.name))
            os.utime(file, (at, at))
    return runs * len(models)


def shape(told: Mapping[str, Any]) -> str:
    """Return rows by table as a line for people."""
    return json.dumps({name: f"{rows:,}" for name, rows in told.items()})
