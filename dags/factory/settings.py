"""What the environment says to DAGs and their tasks; the one place that reads it."""

import os
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from schemas.exchange import exchanges_in


def environment() -> Mapping[str, str]:
    """Return the environment that a task hands to what it calls."""
    return os.environ


def lanes_first() -> bool:
    """Return whether the stack has just begun, and lanes have much to catch up with.

    Whatever runs each minute leaves the cores to them then: cold, a job takes several
    times as long, and its next run does the same work.
    """
    seconds = float(os.environ.get("BULLION_LANES_FIRST_S") or 90)
    begun = Path(os.environ.get("BULLION_HOME", ""), "run/supervisord.pid")
    try:
        return time.time() - begun.stat().st_mtime < seconds
    except OSError:
        # No laptop: what else runs there has cores of its own.
        return False


def exchanges() -> tuple[str, ...]:
    """Return the exchanges that have lanes here: those asked for, or the usual ones.

    Raises:
        LookupError: an exchange without a folder was asked for.
    """
    return exchanges_in(os.environ)


def approvers() -> tuple[str, ...]:
    """Return the names of those who may decide where a DAG waits for a person."""
    names = os.environ.get("BULLION_APPROVERS") or "admin,approver"
    return tuple(name.strip() for name in names.split(",") if name.strip())


def lane_interval() -> timedelta:
    """Return how far apart the runs of a lane begin.

    Raises:
        ValueError: the setting is no positive number of seconds.
    """
    return timedelta(seconds=above_0("BULLION_LANE_SECONDS", 20))


def airflow_kept_for() -> timedelta:
    """Return how long Airflow's own history is kept.

    Raises:
        ValueError: the setting is no positive number of days.
    """
    return timedelta(days=above_0("BULLION_KEEP_AIRFLOW_DAYS", 14))


def above_0(name: str, usual: float) -> float:
    """Return a setting that must be a number above 0; ValueError names it if not."""
    value = float(os.environ.get(name) or usual)
    if value <= 0:
        raise ValueError(f"{name} is {value:g}: it must be above 0")
    return value
