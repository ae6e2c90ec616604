"""What people type reaches no shell, no SQL and no path: tried for every DAG's form."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG

from dags.factory.people import readable
from schemas.table import ROOT, all_exchanges
from stack.place import Place
from stack.settings import environment
from tests.dags.hostile import (
    Walk,
    let_through,
    programs,
    told_in,
    words,
)
from tests.dags.test_release import ADMIT, decided, looked
from tests.expectations.conftest import env
from tests.expectations.tables import created
from tests.expectations.test_release import Lane, lane

__all__ = ["env", "lane"]
DAGS = str(ROOT / "dags")


@pytest.fixture(scope="module")
def bag() -> Iterator[BundleDagBag]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BULLION_EXCHANGES", ",".join(all_exchanges()))
        yield BundleDagBag(Path(DAGS), bundle_path=Path(DAGS), bundle_name="test")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lane: Lane) -> Path:
    """Let each job be a program that notes what it was told, over a small lake."""
    folder, file = programs(tmp_path)
    created(lane.catalog, "gold.ranges", "")
    monkeypatch.setattr("expectations.ledger.open_catalog", lambda env: lane.catalog)
    for name, value in lane.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BULLION_EXCHANGES", ",".join(all_exchanges()))
    monkeypatch.setenv("BULLION_SPARK_PYTHON", str(folder / "job"))
    monkeypatch.setenv("BULLION_SPARK_SUBMIT", str(folder / "job"))
    # A drill runs in Airflow's own Python.
    monkeypatch.setattr("sys.executable", str(folder / "job"))
    spark = {"conn_type": "spark", "host": "local[2]"}
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_UPKEEP", json.dumps(spark))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return file


def forms(bag: BundleDagBag) -> list[DAG]:
    return [dag for dag in bag.dags.values() if dag.params]


def walked(dag: DAG, change: dict[str, Any], reason: str = "") -> Walk:
    more = {"reason": reason} if reason else {}
    params = dag.params.dump() | change
    return Walk(copy.deepcopy(dag), params, **more).go()


def test_every_form_is_tried(bag: BundleDagBag) -> None:
    named = {dag.dag_id for dag in forms(bag)}

    assert {
        "audit",
        "rebuild",
        "restore_drill",
        "release_lane",
        "replay_dead_letters",
        "watch",
    } < named
    assert any(name.startswith("backfill__") for name in named)


def test_every_param_is_typed_and_text_is_bound(bag: BundleDagBag) -> None:
    """An enum, a format or a length: no param of a DAG is any text at all."""
    for dag in forms(bag):
        for name in dag.params:
            schema = dag.params.get_param(name).schema
            assert "type" in schema, f"{dag.dag_id}.{name}"
            if "string" in schema["type"]:
                bound = {"enum", "format", "pattern", "maxLength"} & schema.keys()
                assert bound, f"{dag.dag_id}.{name} takes any text"


def test_what_validation_lets_through_is_one_word_or_refused(
    bag: BundleDagBag, told: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    tried = 0
    for dag in forms(bag):
        params = {name: dag.params.get_param(name) for name in dag.params}
        usual = walked(dag, {})
        for change in let_through(params, words(canary)):
            tried += 1
            told.unlink(missing_ok=True)
            walk = walked(dag, change)

            # The text that a shell reads is the same, whatever was typed.
            both = zip(walk.commands, usual.commands, strict=False)
            if change not in ({"test": True},):
                assert all(mine == its for mine, its in both), (dag.dag_id, change)
            assert not canary.exists(), (dag.dag_id, change)
            for argv, _ in told_in(told):
                assert "--yes" not in argv and "--only-held" not in argv[-1:]
                assert not any("passwd" in word for word in argv)
    assert tried > 10


def test_a_hostile_reason_is_one_word_of_letters_that_people_see(
    bag: BundleDagBag, told: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    asking = [
        dag
        for dag in forms(bag)
        if any(isinstance(task, HITLOperator) for task in dag.tasks)
        and any(isinstance(task, BashOperator) for task in dag.tasks)
    ]
    assert asking
    for dag in asking:
        (asked,) = (each for each in dag.tasks if isinstance(each, HITLOperator))
        params = {name: asked.params.get_param(name) for name in asked.params}
        for change in let_through(params, words(canary)):
            if change["reason"] is None:
                continue
            told.unlink(missing_ok=True)
            walked(dag, {}, change["reason"])

            assert not canary.exists(), change
            typed = [
                word
                for argv, _ in told_in(told)
                for word in argv
                if word.startswith(("--why=", "--by="))
            ]
            seen = readable(change["reason"])
            assert typed == [] or typed == [f"--by={seen}", f"--why={seen}"]
            assert seen.isprintable()


@pytest.mark.parametrize(
    "reason",
    [
        "'; DROP TABLE gate_decisions; --",
        "a NUL \0 and half \ud800 a pair",
        "over\n| two | lines |",
        "\u202eturned round, it would say no",
    ],
)
def test_a_decision_keeps_a_hostile_reason_as_text(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    for name, value in lane.env.items():
        monkeypatch.setenv(name, value)
    lane.arrive({5: "1000"})
    lane.closes()

    decided(ADMIT, looked(), reason)

    (kept,) = lane.table("gold.decisions").scan().to_arrow().to_pylist()
    assert kept["reason"] == readable(reason) and kept["reason"].isprintable()


@pytest.mark.parametrize(
    "run_id", ["x'; --", "$(id)", "../x", "a b", "{{ 7 }}", "x\0", "x\n", "", "A/B"]
)
def test_a_run_id_is_a_name_and_nothing_more(tmp_path: Path, run_id: str) -> None:
    """Run ids stand in paths of logs and results, and in snapshots' properties."""
    told = environment(Place.read({"BULLION_HOME": str(tmp_path)}))
    pattern = told["AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN"]

    assert re.match(pattern, "manual__2026-11-29T12:00:00+00:00")
    assert re.match(pattern, run_id) is None


def test_what_an_xcom_says_is_no_text_of_a_shell(bag: BundleDagBag) -> None:
    """Whoever runs DAGs may edit XComs."""
    for dag in bag.dags.values():
        for task in dag.tasks:
            if isinstance(task, BashOperator):
                assert "xcom" not in str(task.bash_command), task
