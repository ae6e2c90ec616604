"""What Airflow piled up goes, and what is young or not ours stays."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dags.factory.housekeeping import NotCleaned, clean_database, prune_logs

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def log(file: Path, age: timedelta, text: str = "a line\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    when = (NOW - age).timestamp()
    os.utime(file, (when, when))
    return file


def test_old_logs_go_with_their_folders_and_young_ones_stay(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    old = log(logs / "dag_id=a/run_id=1/task_id=x/attempt=1.log", 15 * DAY)
    young = log(logs / "dag_id=a/run_id=2/task_id=x/attempt=1.log", 13 * DAY)
    others = log(tmp_path / "elsewhere/old.log", 99 * DAY)
    link = logs / "latest"
    link.symlink_to(others.parent)

    told = prune_logs(logs, NOW - 14 * DAY)

    assert told == {"files": 1, "bytes": len("a line\n")}
    assert young.exists() and others.exists() and link.is_symlink()
    assert not old.parent.parent.exists() and logs.exists()
    assert prune_logs(logs, NOW - 14 * DAY)["files"] == 0


def test_old_runs_leave_the_database_and_the_last_of_a_dag_stays(
    tmp_path: Path,
) -> None:
    file, env = tmp_path / "airflow.db", {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    url = f"sqlite:///{file}"
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env={**env, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url},
        check=True,
        capture_output=True,
    )
    with sqlite3.connect(file) as database:
        for number, age in enumerate((40, 30, 1)):
            when = (NOW - age * DAY).isoformat(sep=" ")
            database.execute(
                "INSERT INTO log (dttm, event) VALUES (?, ?)", (when, f"event {number}")
            )

    hidden = env | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "airflow-db-not-allowed:///"}
    clean_database(url, NOW - 14 * DAY, hidden)

    with sqlite3.connect(file) as database:
        left = database.execute("SELECT event FROM log WHERE event LIKE 'event %'")
        assert left.fetchall() == [("event 2",)]


def test_a_database_that_is_away_is_an_error_without_its_password(
    tmp_path: Path,
) -> None:
    url = "postgresql+psycopg2://airflow:secret@127.0.0.1:1/airflow"
    with pytest.raises(NotCleaned) as why:
        clean_database(url, NOW, {**os.environ, "AIRFLOW_HOME": str(tmp_path)})

    assert "secret" not in str(why.value) and "127.0.0.1" in str(why.value)
