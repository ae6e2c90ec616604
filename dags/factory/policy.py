"""What every DAG, and every task of it, has in common."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = {
    "owner": "bullion",
    "retries": 2,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
    "execution_timeout": timedelta(minutes=20),
}


def alone(**differs: Any) -> dict[str, Any]:
    """Return how each DAG of ours runs: at once, one run at a time, none for the past.

    `differs` are arguments of its tasks that are not the usual ones.
    """
    return {
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {**POLICY, **differs},
        "is_paused_upon_creation": False,
    }


def waiting(cron: str) -> CronTriggerTimetable:
    """Return the timetable (UTC) of what a new laptop waits for: no run is made up for.

    It needs a DAG without a start. Left to itself, Airflow would run at once what was
    due within the last tenth of its time: 17 hours of a week, three days of a month.
    """
    never = timedelta(0)
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=never)
