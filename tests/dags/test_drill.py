"""The drill's DAG: what it runs, which names it takes, a verdict that is red once."""

import re
import sys
from typing import Any

import pytest
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from dags.factory.drill import DrillJob, drill_dag, judged

SOUND = {
    "backup": "2026-11-25T03-50-00Z",
    "faults": [],
    "tables": [{}, {}],
    "streams": [{}],
    "files": 7,
    "lost": 0,
}


def test_a_backup_that_would_not_restore_is_red_once_and_says_what_to_do() -> None:
    with pytest.raises(AirflowFailException) as red:
        judged(
            SOUND | {"faults": ["gold: 1 of 1 files are gone: x", "checkpoint y: z"]}
        )

    assert "2026-11-25T03-50-00Z would not restore: gold: 1 of 1" in str(red.value)
    assert "checkpoint y: z" in str(red.value)
    assert "trigger checkpoint_backup" in str(red.value)
    tasks = drill_dag().task_dict
    assert tasks["verdict"].retries == 0 and tasks["drill"].retries > 0


def test_a_backup_that_holds_is_green_and_says_what_it_would_lose() -> None:
    assert judged(SOUND) == (
        "2026-11-25T03-50-00Z holds: 2 tables, 7 files, 1 checkpoints; a restore would "
        "lose no messages"
    )
    assert judged(SOUND | {"lost": 4}).endswith("would lose 4 messages")


def test_no_day_but_the_first_of_a_month_and_never_at_the_first_start() -> None:
    dag = drill_dag()
    assert dag.start_date is None
    assert dag.timetable.expression == "20 5 1 * *"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["; id", "../..", "2026-11-25", "$(id)", "x" * 40])
def test_what_is_no_name_of_a_backup_is_refused(name: str) -> None:
    param = drill_dag().params.get_param("backup")
    assert param.resolve(SOUND["backup"]) == SOUND["backup"]
    assert param.resolve(None) is None
    with pytest.raises(ParamValidationError):
        param.resolve(name)


def test_the_name_is_handed_on_as_a_setting_and_never_as_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = drill_dag().task_dict["drill"]
    assert isinstance(job, DrillJob)
    assert "{{" not in str(job.bash_command)
    assert re.match(r'exec "\$PYTHON" -m [a-z_.]+ --from "\$BACKUP"$', job.bash_command)

    monkeypatch.setattr(BashOperator, "execute", lambda self, context: self.env)
    context: Any = {"params": {"backup": None}}
    assert job.execute(context) == {"PYTHON": sys.executable, "BACKUP": ""}
