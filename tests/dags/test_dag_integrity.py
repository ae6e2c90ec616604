"""Every DAG loads, imports nothing heavy, keeps the rules and can be serialized."""

import subprocess
import sys
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import DAG, CronTriggerTimetable
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

from dags.factory.policy import alone, waiting
from dags.factory.pools import UPKEEP, all_pools
from dags.factory.spark_job import SparkJob
from schemas.exchange import counts_trades, has_past_days
from schemas.table import ROOT, all_exchanges

DAGS = ROOT / "dags"
SHARED = ("default_pool", "gates", "backfills")
"""Pools of tasks that write no table."""
KEEPERS = {"orphans", "retention", "upkeep"}
HEAVY = {"duckdb", "great_expectations", "pandas", "pyiceberg", "pyspark.sql"}
BROKEN = """
from datetime import datetime
from airflow.sdk import DAG, task

with DAG("broken", start_date=datetime(2026, 1, 1), catchup=False, {dag}) as dag:
    @task({task})
    def work() -> None: ...
    work()
"""
SOUND_DAG = "max_active_runs=1, tags=['a'], doc_md='b', default_args={'owner': 'us'}"
SOUND_TASK = "execution_timeout=__import__('datetime').timedelta(minutes=1)"


@pytest.fixture(scope="module", autouse=True)
def every_exchange() -> Iterator[None]:
    """Ask for the lanes of every exchange that has a folder."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BULLION_EXCHANGES", ",".join(all_exchanges()))
        yield


def bag_of(folder: Path) -> BundleDagBag:
    return BundleDagBag(folder, bundle_path=folder, bundle_name="test")


@pytest.fixture(scope="module")
def bag() -> BundleDagBag:
    return bag_of(DAGS)


def lanes(bag: BundleDagBag) -> list[DAG]:
    return [bag.dags[f"lane__{exchange}"] for exchange in all_exchanges()]


def test_nothing_fails_to_load(bag: BundleDagBag) -> None:
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}


def test_each_exchange_has_its_lane_and_nothing_else_is_there(
    bag: BundleDagBag,
) -> None:
    # A file without the words "airflow" and "dag" gives neither a DAG nor an error.
    of_each = {f"lane__{exchange}" for exchange in all_exchanges()}
    of_each |= {f"backfill__{e}" for e in all_exchanges() if has_past_days(e)}

    others = {"candles", "checkpoint_backup", "completeness", "data_docs", "schemas"}
    others |= {"audit", "housekeeping", "reconciliation", "release_lane"}
    others |= {"inspection", "rebuild", "replay_dead_letters", "restore_drill"}
    others |= {"watch"}
    assert set(bag.dags) == {*of_each, *KEEPERS, *others}


def test_counts_are_compared_where_ids_prove_no_loss_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, bag: BundleDagBag
) -> None:
    asked = bag.dags["reconciliation"].get_task("count").bash_command
    unproven = [each for each in all_exchanges() if not counts_trades(each)]
    assert asked.endswith("count " + " ".join(unproven))

    proven = [each for each in all_exchanges() if counts_trades(each)]
    monkeypatch.setenv("BULLION_EXCHANGES", ",".join(proven))
    assert "reconciliation" not in bag_of(DAGS).dags


def test_parsing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from airflow.dag_processing.dagbag import BundleDagBag; "
        f"BundleDagBag({str(DAGS)!r}, bundle_path={str(DAGS)!r}, bundle_name='test'); "
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout.split()

    assert "airflow" in loaded and "dags.factory.lane" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_each_dag_survives_serialization(bag: BundleDagBag) -> None:
    for dag in bag.dags.values():
        dag.check_cycle()
        DagSerialization.to_dict(dag)


def test_two_readings_give_the_same_dags(bag: BundleDagBag) -> None:
    # Each difference would be a new version of the DAG, at every parse.
    again = bag_of(DAGS)

    for name, dag in bag.dags.items():
        told, retold = (DagSerialization.to_dict(d) for d in (dag, again.dags[name]))
        assert told == retold


def test_a_lane_is_silver_gate_gold_and_never_beside_itself(bag: BundleDagBag) -> None:
    for lane in lanes(bag):
        (first,) = lane.roots
        (last,) = lane.leaves
        assert (first.task_id, last.task_id) == ("silver", "gold")
        assert lane.task_dict["gate"].upstream_task_ids == {"silver"}
        assert lane.max_active_runs == 1
        assert lane.task_dict["gold"].trigger_rule == "all_success"
        assert lane.task_dict["gold"].upstream_task_ids == {"gate"}
        # Backfill runs are not counted by max_active_runs.
        allowed = lane.allowed_run_types
        assert isinstance(allowed, Collection)
        assert len(allowed) == 2
        assert all(kind in ("scheduled", "manual") for kind in allowed)


def test_what_a_new_laptop_waits_for_was_never_due(bag: BundleDagBag) -> None:
    # Airflow would make up for a run of a week that was due in its last 17 hours.
    patient = [d for d in bag.dags.values() if d.schedule and d.start_date is None]

    assert {dag.dag_id for dag in patient} == {*KEEPERS, "audit", "restore_drill"}
    for dag in patient:
        assert isinstance(dag.schedule, CronTriggerTimetable)
        assert dag.schedule == waiting(dag.schedule.expression)
    now = datetime.now(UTC)
    for minutes in (0, 1, 6, 59):
        due = now - timedelta(minutes=minutes)
        each_week = f"{due:%M %H} * * {due:%w}"
        with DAG("new", schedule=waiting(each_week), **alone()) as new:
            told = DagSerialization.from_dict(DagSerialization.to_dict(new))
        first = told.timetable.next_dagrun_info(
            last_automated_data_interval=None,
            restriction=TimeRestriction(None, None, catchup=False),
        )
        assert first and first.run_after > now + timedelta(days=6)


def test_each_writer_is_alone(bag: BundleDagBag) -> None:
    alone = {name for name, pool in all_pools().items() if pool["slots"] == 1}

    for dag in bag.dags.values():
        for task in dag.tasks:
            assert task.execution_timeout
            if task.pool not in SHARED:
                assert task.pool in alone
                assert task.max_active_tis_per_dag == 1
    assert all_pools()["backfills"]["slots"] == 2
    writers = [task.pool for lane in lanes(bag) for task in lane.tasks]
    assert len({pool for pool in writers if pool != "gates"}) == 2 * len(lanes(bag))


def test_whoever_keeps_tables_small_is_alone_and_waits_for_its_hour(
    bag: BundleDagBag,
) -> None:
    for name in KEEPERS:
        (task,) = bag.dags[name].tasks
        assert task.pool == UPKEEP
        # A job that lost its Airflow task holds the turn for some seconds more.
        assert task.retry_delay >= timedelta(minutes=1)
        assert f" -m spark_apps.run {name}" in str(task.bash_command)
        assert str(task.bash_command).startswith("exec ")
        # A start in the past would run all of them in the first minute of a laptop.
        assert bag.dags[name].start_date is None
    assert all_pools()[UPKEEP]["slots"] == 1
    assert str(bag.dags["orphans"].tasks[0].bash_command).endswith("--delete")


def test_gold_is_told_the_snapshot_that_the_gate_saw(bag: BundleDagBag) -> None:
    for exchange, lane in zip(all_exchanges(), lanes(bag), strict=True):
        gold = lane.task_dict["gold"]
        assert isinstance(gold, SparkJob)
        words = f'gold.trades {exchange} "--gated=$GATED" "--refused=$REFUSED"'
        assert str(gold.bash_command).endswith(words)
        told: Any = gold.env
        assert "'gate')['snapshot_to']" in told["GATED"]
        assert "'gate')['refused']" in told["REFUSED"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({}, None),
        ({"dag": SOUND_DAG.replace("tags=['a']", "tags=[]")}, "needs tags"),
        ({"dag": SOUND_DAG.replace("=1", "=2", 1)}, "one run, no catch-up"),
        ({"dag": SOUND_DAG.replace("'owner': 'us'", "")}, "has no owner"),
        ({"task": ""}, "has no time"),
        ({"task": f"{SOUND_TASK}, pool='mine'"}, "max_active_tis_per_dag=1"),
    ],
)
def test_a_dag_that_breaks_a_house_rule_is_an_import_error(
    tmp_path: Path, change: dict[str, str], complaint: str | None
) -> None:
    parts: dict[str, Any] = {"dag": SOUND_DAG, "task": SOUND_TASK} | change
    (tmp_path / "broken.py").write_text(BROKEN.format(**parts))

    found = bag_of(tmp_path)

    if complaint is None:
        assert found.import_errors == {} and set(found.dags) == {"broken"}
    else:
        assert complaint in str(found.import_errors)
        assert not found.dags
