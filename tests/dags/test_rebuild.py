"""A rebuild's program gets what its form says, word by word, by Spark's operator."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    ParamValidationError,
)

from dags.factory.pools import all_pools
from dags.factory.rebuild import CONNECTION, POOL, rebuild_dag
from schemas.table import ROOT, all_exchanges
from stack.place import Place
from stack.settings import airflow, environment

FORM = {"layer": "gold", "exchange": all_exchanges()[0], "first": "2026-11-05"}
SAY = """#!{python}
import json, os, sys
told = {{k: v for k, v in os.environ.items() if k.startswith("AIRFLOW_CTX")}}
print(json.dumps([sys.argv[1:], told]))
"""


@pytest.fixture
def submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the task with a form, and what spark-submit heard."""
    heard = tmp_path / "heard.json"
    binary = tmp_path / "spark-submit"
    said = SAY.format(python=sys.executable)
    binary.write_text(said.replace("print(", f"open({str(heard)!r}, 'w').write("))
    binary.chmod(0o755)
    monkeypatch.setenv("BULLION_SPARK_SUBMIT", str(binary))
    monkeypatch.setenv("BULLION_SPARK_PROPERTIES", "/conf/spark-defaults.conf")
    monkeypatch.setenv("BULLION_LAUNCHER", str(ROOT / "spark_apps/run.py"))
    monkeypatch.setenv(
        f"AIRFLOW_CONN_{CONNECTION.upper()}",
        json.dumps({"conn_type": "spark", "host": "local[2]"}),
    )

    def run(form: dict[str, Any]) -> list[str]:
        dag = rebuild_dag()
        params = {**dag.params.dump(), **form}
        task: Any = dag.get_task("rebuild")
        task.render_template_fields({"params": params})
        task.execute({"params": params})
        words: list[str] = json.loads(heard.read_text())[0]
        return words

    return run


def test_the_program_is_told_the_form_and_where_spark_is(submitted: Any) -> None:
    words = submitted({**FORM, "last": "2026-11-06", "write": True})

    at = words.index(str(ROOT / "spark_apps/run.py"))
    assert words[at + 1 :] == [
        *("rebuild", "gold", FORM["exchange"]),
        *("--from", "2026-11-05", "--to", "2026-11-06", "--write", "yes"),
    ]
    spark = words[:at]
    assert spark[spark.index("--master") + 1] == "local[2]"
    assert spark[spark.index("--properties-file") + 1] == "/conf/spark-defaults.conf"
    assert "spark.ui.enabled=false" in spark
    # Nothing is written unless somebody asked for it.
    assert submitted(FORM)[-4:] == ["--to", "", "--write", "no"]


@pytest.mark.parametrize(("code", "again"), [(2, False), (1, True)])
def test_what_was_refused_is_not_tried_again(
    tmp_path: Path, submitted: Any, code: int, again: bool
) -> None:
    binary = tmp_path / "spark-submit"
    binary.write_text(f"#!/bin/sh\necho RebuildRefused: why\nexit {code}\n")

    with pytest.raises(AirflowException) as told:
        submitted(FORM)

    assert isinstance(told.value, AirflowFailException) is not again


@pytest.mark.parametrize(
    "odd",
    [
        {"layer": "bronze"},
        {"exchange": "mtgox; rm -rf /"},
        {"first": "$(reboot)"},
        {"first": None},
        {"last": "2026-11-06 --write yes"},
        {"write": "yes"},
    ],
)
def test_a_form_says_nothing_else(odd: dict[str, Any]) -> None:
    params = rebuild_dag().params
    with pytest.raises(ParamValidationError):
        params.update(FORM | odd)
        params.validate()


def test_its_spark_and_its_turn_are_there(tmp_path: Path) -> None:
    place = Place.read({"BULLION_HOME": str(tmp_path)})

    said = airflow(place)[f"AIRFLOW_CONN_{CONNECTION.upper()}"]
    assert json.loads(said) == {"conn_type": "spark", "host": "local[2]"}
    assert all_pools()[POOL]["slots"] == 1
    here = environment(place)
    assert Path(here["BULLION_LAUNCHER"]).is_file()
    assert here["BULLION_SPARK_PROPERTIES"].endswith("spark-defaults.conf")
