"""What the lakehouse page shows, part by part, from the functions of `status`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from pyiceberg.catalog import Catalog

from expectations.gate_notes import history, troubles
from query.accounting import accounting
from query.airflow_api import Airflow
from query.completeness import completeness
from query.health import health
from query.market import market
from query.reading.lake import Lake
from query.settings import Settings
from query.status import dead_letters, lane
from query.verdict import verdict

GATES_SHOWN = 90
TROUBLES_SHOWN = 5
BARS_S = {"bronze": (20, 120), "silver": (60, 300), "gold": (120, 600)}
"""Seconds after which the newest row of a layer is late, and after which it is stale.

Twice what the layer promises (see README), since rows come a commit at a time.
"""


@dataclass(frozen=True)
class Sources:
    """What one round of questions asks: each is opened when it is first needed."""

    settings: Settings
    catalog: Catalog

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.settings, self.catalog)

    @cached_property
    def airflow(self) -> Airflow:
        return Airflow(self.settings)

    def close(self) -> None:
        if "lake" in self.__dict__:
            self.lake.engine.close()


@dataclass(frozen=True, slots=True)
class Part:
    """One question: how often it is asked while somebody looks, and of what."""

    name: str
    every_s: float
    ask: Callable[[Sources], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer of a part and when it was given; and what went wrong since."""

    told: Any = None
    at: datetime | None = None
    took_s: float = 0.0
    error: str | None = None


def parts(settings: Settings) -> tuple[Part, ...]:
    """Return the page's questions: each lane by itself, then what they share."""
    return (
        *(Part(f"lane {e}", 5, partial(lane_of, e)) for e in settings.exchanges),
        Part("market", 5, lambda sources: market(sources.lake)),
        Part("gates", 5, lambda sources: gates(sources.settings)),
        Part("accounting", 10, lambda sources: accounting(sources.lake)),
        Part("dead_letters", 10, lambda sources: dead_letters(sources.lake)),
        Part("completeness", 10, lambda sources: completeness(sources.lake)),
        Part("timetable", 15, lambda sources: sources.airflow.timetable()),
        Part("health", 60, lambda s: health(s.settings, s.catalog)),
    )


def lane_of(exchange: str, sources: Sources) -> dict[str, Any]:
    return lane(sources.lake, sources.airflow, exchange)


def gates(settings: Settings) -> list[dict[str, Any]]:
    """Return each lane's last gates, and the last that did not pass."""
    return [
        {
            "exchange": exchange,
            "recent": history(settings.gates, exchange, GATES_SHOWN),
            "troubles": troubles(settings.gates, exchange, TROUBLES_SHOWN),
        }
        for exchange in settings.exchanges
    ]


def page(settings: Settings, answers: Mapping[str, Answer]) -> dict[str, Any]:
    """Return the page's object: its parts with their ages, and what is not well.

    A part that was never answered has neither `at` nor `told`; one that cannot be
    asked any more keeps its last answer, and `error` says why.
    """
    now = datetime.now(UTC)
    told = {
        each.name: shown(answers.get(each.name, Answer()), now)
        for each in parts(settings)
    }
    return {
        "at": now.isoformat(timespec="milliseconds"),
        "exchanges": list(settings.exchanges),
        "bars_s": BARS_S,
        "verdict": verdict(told, BARS_S),
        "parts": told,
    }


def shown(answer: Answer, now: datetime) -> dict[str, Any]:
    at = answer.at
    return {
        "at": at.isoformat(timespec="milliseconds") if at else None,
        "age_s": round((now - at).total_seconds(), 1) if at else None,
        "took_s": round(answer.took_s, 3),
        "error": answer.error,
        "told": answer.told,
    }
