"""The audit's days, what it hands on, and a verdict that is red and not retried."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.audit import MOST_DAYS, TallyJob, asked_days, audit_dag, told
from schemas.exchange import has_files
from schemas.table import all_exchanges

NOW = datetime.now(UTC)
YESTERDAY = f"{(NOW - timedelta(days=1)).date()}"


def context(**params: Any) -> Any:
    return {"params": params, "dag_run": SimpleNamespace(run_after=NOW)}


def check(state: str, **changes: Any) -> dict[str, Any]:
    said = {
        "day": "2026-11-22",
        "exchange": "ACME",
        "check_name": "gold is unique",
        "state": state,
        "expected": 4,
        "found": 5,
        "differing": 1,
        "samples": json.dumps(["BTCUSD 5"]),
        "note": "one has to go",
    }
    return said | changes


def verdict(*checks: dict[str, Any]) -> Any:
    task = audit_dag([]).task_dict["verdict"]
    report = {"checks": list(checks)}
    pulled = SimpleNamespace(xcom_pull=lambda task_ids: report)
    return task.python_callable(ti=pulled)  # type: ignore[attr-defined]


def test_a_check_that_does_not_hold_is_red_once_and_names_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(AirflowFailException) as red:
        verdict(check("passed", note=""), check("failed"), check("not comparable"))

    assert str(red.value) == (
        "ACME 2026-11-22, gold is unique: 1 differ. one has to go"
    )
    assert "BTCUSD 5" in capsys.readouterr().out
    assert audit_dag([]).task_dict["verdict"].retries == 0
    assert audit_dag([]).task_dict["audit"].retries > 0


def test_what_cannot_be_compared_is_no_fault_and_is_said() -> None:
    assert verdict(check("not comparable"), check("passed")) == "2 checks, none failed"
    assert "not comparable 2026-11-22 ACME" in told(
        {"checks": [check("not comparable")]}
    )


def test_without_days_it_is_yesterday() -> None:
    assert asked_days(context()) == [YESTERDAY]
    assert asked_days(context(first="2026-11-05")) == ["2026-11-05"]
    assert asked_days(context(last="2026-11-05")) == ["2026-11-05"]
    span = asked_days(context(first="2026-10-30", last="2026-11-01"))
    assert span == ["2026-10-30", "2026-10-31", "2026-11-01"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-11-05", "2026-11-04"),
        ("2026-01-01", f"{(NOW - timedelta(days=1)).date()}"),
        (f"{NOW.date()}", None),
        ("2026-11-05; rm -rf /", None),
        ("$(id)", "$(id)"),
    ],
)
def test_what_is_no_span_of_past_days_is_refused(first: str, last: str | None) -> None:
    with pytest.raises(AirflowFailException):
        asked_days(context(first=first, last=last))
    assert MOST_DAYS == 31


def test_files_are_counted_where_there_are_any_and_the_days_are_no_command() -> None:
    files = [each for each in all_exchanges() if has_files(each)]
    tasks: dict[str, Any] = audit_dag(files).task_dict
    words = f" tally {' '.join(files)} --days $DAYS"
    assert words in tasks["archive"].bash_command
    assert "{{" not in tasks["audit"].bash_command

    nothing = TallyJob(task_id="archive", exchanges=[])
    with pytest.raises(AirflowSkipException):
        nothing.execute(context())
