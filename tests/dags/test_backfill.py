"""A day of the past: which one a run is about, and what it leaves out."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.utils.types import DagRunType

from dags.factory.backfill import DayJob, day_of
from tests.expectations.tables import append, created, lake

DAY = datetime(2026, 11, 5, tzinfo=UTC)
SAID = "import json,os; print(json.dumps([os.environ['DAY'], os.environ['ONLY'], {}]))"
READ = "json.load(open(os.environ['HELD']))"


def context(
    run_type: str, day: str | None = None, begin: datetime | None = DAY
) -> Context:
    made: Any = {
        "params": {"day": day},
        # An enum whose words are not what str() makes of it.
        "dag_run": SimpleNamespace(run_type=DagRunType(run_type)),
        "data_interval_start": begin,
    }
    return made  # type: ignore[no-any-return]


def test_a_backfilled_day_is_the_runs_interval_and_a_manual_one_is_told() -> None:
    assert day_of(context("backfill")) == "2026-11-05"
    assert day_of(context("scheduled")) == "2026-11-05"
    assert day_of(context("manual", "2024-08-08")) == "2024-08-08"
    for begin in (None, DAY):
        with pytest.raises(AirflowFailException, match="no day was given"):
            day_of(context("manual", begin=begin))


def test_the_form_of_a_backfill_has_a_field_that_is_not_for_it() -> None:
    with pytest.raises(AirflowFailException, match="its dates say the days"):
        day_of(context("backfill", "2024-08-08"))


def held(first: int, last: int, at: datetime, live: int | None) -> dict[str, Any]:
    return {
        "exchange": "BINANCE",
        "symbol": "BTCUSDT",
        "first_id": first,
        "last_id": last,
        "first_timestamp": at,
        "last_timestamp": at,
        "live_from_id": live,
        "live_since": at if live else None,
        "first_connection": None,
        "last_connection": None,
    }


@pytest.fixture
def ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    catalog = lake(tmp_path)
    monkeypatch.setattr("expectations.ledger.open_catalog", lambda env: catalog)
    return created(catalog, "gold.ranges", "")


def told(job: DayJob, run_type: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what the job's process would be told: day, option, ids that are held."""
    code = SAID.replace("{}", READ)
    monkeypatch.setenv("BULLION_SPARK_PYTHON", sys.executable)
    job.bash_command = f'exec "$BULLION_SPARK_PYTHON" -c "{code}"'
    return job.execute(context(run_type))


def test_what_gold_holds_is_told_and_a_scheduled_run_wants_what_capture_lost(
    ranges: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = DayJob(task_id="day", exchange="binance")
    with pytest.raises(AirflowSkipException, match="nothing was captured"):
        job.execute(context("scheduled"))
    append(ranges, "gold.ranges", [held(1, 9, DAY, None), held(20, 29, DAY, 22)])

    day, only, ids = told(job, "backfill", monkeypatch)
    assert (day, only, ids) == ("2026-11-05", "", {"BTCUSDT": [[1, 9], [20, 29]]})
    _, only, ids = told(job, "scheduled", monkeypatch)
    assert (only, ids["BTCUSDT"][-1]) == ("--only-held", [0, 21])


def test_a_day_before_capture_began_is_left_to_who_asks_for_it(
    ranges: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = DAY + timedelta(days=1)
    append(ranges, "gold.ranges", [held(20, 29, later, 20)])
    job = DayJob(task_id="day", exchange="binance")

    with pytest.raises(AirflowSkipException):
        job.execute(context("scheduled"))
    assert told(job, "backfill", monkeypatch)[2] == {"BTCUSDT": [[20, 29]]}
