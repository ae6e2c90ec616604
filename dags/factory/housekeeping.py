"""What Airflow keeps of the past is let go: runs and their like, and task logs."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

DATABASE = "BULLION_AIRFLOW_DATABASE"
"""Setting: where Airflow's metadata database is. Airflow hides it from tasks."""
BATCH = 10_000
"""Rows that go in one transaction, while lanes go on."""
PATIENCE_S = 1800


class NotCleaned(Exception):
    """Airflow did not clean its database; the message has what it said last."""


def clean_database(database: str, before: datetime, env: Mapping[str, str]) -> str:
    """Have Airflow delete what its database has from before a moment.

    The last run of each DAG stays. Returns what it said.

    Raises:
        NotCleaned: it failed at a table; the next run does it again.
    """
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive"]
        + ["--error-on-cleanup-failure", "--batch-size", str(BATCH)]
        + ["--clean-before-timestamp", before.isoformat()],
        env={**env, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    # Whatever it says, the address has a password in it.
    said = done.stdout.replace(database, f"${DATABASE}")
    if done.returncode:
        raise NotCleaned(
            f"airflow db clean ended with {done.returncode}: {said[-2000:]}"
        )
    return said


def prune_logs(folder: Path, before: datetime) -> dict[str, int]:
    """Delete log files that nobody has written to since; return how many, and bytes.

    Folders that are empty afterwards go too, and links are left alone.
    """
    files = size = 0
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            file = Path(place, name)
            stat = file.lstat()
            if not file.is_symlink() and stat.st_mtime < before.timestamp():
                file.unlink()
                files, size = files + 1, size + stat.st_size
        if place != str(folder) and not any(os.scandir(place)):
            os.rmdir(place)
    return {"files": files, "bytes": size}
