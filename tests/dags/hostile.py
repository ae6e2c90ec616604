"""What nobody should be able to do by the words that a DAG is triggered with."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    ParamValidationError,
)

REPORT = {
    "snapshot": "8423",
    "counts": [{"state": "passes", "error_reason": "invalid_side", "count": 1}],
    "passing": [],
    "breaking": [],
    "checks": [],
    "outcomes": {},
    "lane_is_closed": False,
    "backup": "",
    "faults": [],
    "tables": [],
    "streams": [],
    "files": 0,
    "lost": 0,
}
"""What every job here says: all that the tasks behind one read."""
PROGRAM = """\
#!{python}
import json, os, sys
with open({told!r}, "a") as told:
    told.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
print({report!r})
"""


def words(canary: Path) -> list[Any]:
    """Return values of all sorts; a shell that reads one makes the file `canary`."""
    return [
        "'; DROP TABLE trade_gaps; --",
        '" OR "1"="1',
        f"$(touch {canary})",
        f"`touch {canary}`",
        f"; touch {canary} #",
        f'"; touch {canary}; "',
        f"2026-11-05; touch {canary}",
        "{{ 7 * 7 }}{% raw %}",
        "../../../etc/passwd",
        "2026-11-05\n--only-held",
        "2026-11-05\n",
        "2026-11-05\0",
        "--held=/etc/passwd",
        "-c",
        "A" * 100_000,
        "\u202eecnanib",
        "long enough \ud800 to be a reason",
        "long enough \0 to be a reason",
        "long enough \r\n--yes to be a reason",
        "०२०२६-११-०५",
        "",
        " ",
        "0001-01-01",
        "9999-12-31",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00Z",
        "2026-02-31T00:00:00Z",
        7,
        -1,
        1e308,
        True,
        ["$(id)"],
        {"a": "b"},
    ]


def let_through(
    params: Mapping[str, Any], values: list[Any]
) -> Iterator[dict[str, Any]]:
    """Yield each change of one param that Airflow's own validation does not refuse."""
    for name in params:
        for value in values:
            for said in (value, [value]):
                changed = dict.fromkeys([name], said)
                if is_taken(params[name], said):
                    yield changed


def is_taken(param: Any, said: Any) -> bool:
    try:
        (param if isinstance(param, Param) else Param(param)).resolve(said)
    except (ParamValidationError, ValueError, TypeError):
        return False
    return True


def told_in(file: Path) -> list[tuple[list[str], dict[str, str]]]:
    """Return the words and the environment of each process that was started."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [(words, env) for words, env in map(json.loads, lines)]


def programs(folder: Path) -> tuple[Path, Path]:
    """Make a folder of programs that stand for the jobs, and where they tell of it."""
    told = folder / "told.jsonl"
    (folder / "bin").mkdir()
    for name in ("python", "job"):
        file = folder / "bin" / name
        text = {"python": sys.executable, "told": str(told)}
        file.write_text(PROGRAM.format(**text, report=json.dumps(REPORT)))
        file.chmod(0o755)
    return folder / "bin", told


class Xcoms:
    """What the tasks before it returned, as a task sees it."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def xcom_pull(self, task_ids: str) -> Any:
        return self.told.get(task_ids)


class Run:
    """Says that a person began it."""

    run_type = "manual"
    run_after = datetime.now(UTC)


@dataclass
class Walk:
    """A DAG's tasks one after the other, in this process; jobs are programs of ours."""

    dag: DAG
    params: Mapping[str, Any]
    reason: str = "a reason as people give it"
    refused: str = ""
    """What the task said that ended it; empty where none did."""
    commands: list[str] = field(default_factory=list)

    def go(self) -> "Walk":
        """Go until a task refuses what it was told, in a sentence.

        Any other error is the test's.
        """
        ti = Xcoms()
        context: Any = {
            "params": dict(self.params),
            "ti": ti,
            "run_id": "manual__1",
            "dag_run": Run(),
            "outlet_events": {},
        }
        for task in self.dag.topological_sort():
            try:
                ti.told[task.task_id] = self.did(task, context)
            except (AirflowFailException, AirflowSkipException) as why:
                self.refused = f"{task.task_id}: {why}"
                break
        return self

    def did(self, task: Any, context: Any) -> Any:
        """Return what a task returns."""
        match task:
            case HITLOperator():
                return {
                    "chosen_options": task.options[:1],
                    "params_input": {"reason": self.reason},
                    "responded_by_user": {"id": "1", "name": self.reason},
                }
            case BashOperator():
                # Rendered once, as Airflow does before it executes.
                for name in ("bash_command", "env"):
                    said = task.render_template(getattr(task, name), context)
                    setattr(task, name, said)
                self.commands.append(str(task.bash_command))
                return task.execute(context)
            case SparkSubmitOperator():
                task.render_template_fields(context)
                task._spark_binary = os.environ["BULLION_SPARK_SUBMIT"]
                return task.execute(context)
            case _:
                return task.python_callable(**context)
