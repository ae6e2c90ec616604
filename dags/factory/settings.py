"""What the environment says to DAGs and their tasks; the one place that reads it."""

import os
from collections.abc import Mapping
from datetime import timedelta

from schemas.table import all_exchanges


def environment() -> Mapping[str, str]:
    """Return the environment that a task hands to what it calls."""
    return os.environ


def exchanges() -> tuple[str, ...]:
    """Return the exchanges that have lanes here: those asked for, or all there are."""
    asked = os.environ.get("BULLION_EXCHANGES", "").replace(",", " ").split()
    return tuple(asked) or all_exchanges()


def lane_interval() -> timedelta:
    """Return how far apart the runs of a lane begin."""
    return timedelta(seconds=int(os.environ.get("BULLION_LANE_SECONDS") or "30"))
