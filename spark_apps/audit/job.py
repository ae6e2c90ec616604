"""An audit: every check of every exchange and day, kept in `gold.audits`, reported.

What fails is asked once more a minute later, at new pins: what a run was just about to
write has come by then, and what is lost stays lost. Both times the tables are read at
the snapshots of `pins.py`, as far as the audited day's partitions and files go.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import SparkSession

from schemas.table import table_at
from spark_apps.app import Windows
from spark_apps.audit import candles, elsewhere, messages, promoted
from spark_apps.audit.elsewhere import Tallies
from spark_apps.audit.pins import Pins, pinned
from spark_apps.audit.verdict import FAILED, Day, Verdict, not_comparable
from spark_apps.entry import enter
from spark_apps.settings import Settings

AUDITS = table_at("gold.audits")
AGAIN_AFTER = timedelta(seconds=75)
"""Longer than a lane's run, and than the wider candles stay behind."""
MOST_DAYS = 31
BY_HAND = "by hand"


class DayRefused(LookupError):
    """What was asked for is no span of days that are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit is asked."""

    days: Sequence[Day]
    told: Tallies
    """What archives have."""
    apps: Sequence[Windows]
    """The candles, the finest first."""
    kept: Mapping[str, timedelta | None]
    """How long each table keeps its rows, by address."""
    again_after: timedelta = AGAIN_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of `gold.audits`."""

    run_id: str
    audited_at: datetime
    day: date
    exchange: str
    check_name: str
    state: str
    asked: str
    expected: int | None
    found: int | None
    differing: int
    samples: str
    note: str


def days(first: str, last: str, now: datetime) -> list[Day]:
    """Return the days from one to another, both included; yesterday without any.

    Raises:
        DayRefused: they are none, not over, or too many.
    """
    yesterday = (now.astimezone(UTC) - timedelta(days=1)).date()
    try:
        begin = date.fromisoformat(first or last) if first or last else yesterday
        end = date.fromisoformat(last) if last else begin
    except ValueError as error:
        raise DayRefused(f"no day: {error}; expected such as 2026-11-26") from error
    number = (end - begin).days + 1
    if not 1 <= number <= MOST_DAYS or end > yesterday:
        raise DayRefused(
            f"{begin} to {end} (UTC): give 1 to {MOST_DAYS} days, the last of them over"
        )
    return [Day(begin + timedelta(days=each)) for each in range(number)]


def audit(spark: SparkSession, settings: Settings, asked: Audit) -> dict[str, object]:
    """Ask every check; keep and report the answers."""
    now = datetime.now(UTC)
    run_id = settings.airflow.get("bullion.airflow-dag-run-id") or BY_HAND
    if run_id == BY_HAND:
        run_id = f"{BY_HAND} {now:%Y-%m-%dT%H:%M:%S}"
    rows: list[Row] = []
    for day in asked.days:
        for exchange in settings.exchanges:
            verdicts = asked_twice(spark, settings, asked, exchange, day, now)
            told = [
                Row(run_id=run_id, audited_at=now, day=day.day, **asdict(each))
                for each in verdicts
            ]
            enter(AUDITS, told, spark, settings)
            rows += told
    states = [row.state for row in rows]
    return {
        "run_id": run_id,
        "days": [each.day.isoformat() for each in asked.days],
        **{state.replace(" ", "_"): states.count(state) for state in set(states)},
        "checks": [
            asdict(row) | {"day": str(row.day), "audited_at": f"{now:%FT%TZ}"}
            for row in rows
        ],
    }


def asked_twice(
    spark: SparkSession,
    settings: Settings,
    asked: Audit,
    exchange: str,
    day: Day,
    now: datetime,
) -> list[Verdict]:
    """Return the verdicts on a day; those that failed, as they are a minute later."""
    found: list[Verdict] = []
    checks = checks_of(asked, day, now)
    pins = pinned(spark, settings, exchange)
    answers = [check(pins) for check in checks]
    if any(each.state == FAILED for some in answers for each in some):
        time.sleep(asked.again_after.total_seconds())
        pins = pinned(spark, settings, exchange)
    for check, first in zip(checks, answers, strict=True):
        red = any(each.state == FAILED for each in first)
        found += check(pins) if red else first
    return found


Check = Callable[[Pins], list[Verdict]]


def checks_of(asked: Audit, day: Day, now: datetime) -> list[Check]:
    """Return the checks of a day, those told of as not comparable that are not."""

    def kept(address: str, one: Callable[[Pins, Day], Verdict], name: str) -> Check:
        age = asked.kept.get(address, table_at(address).kept_for)

        def check(pins: Pins) -> list[Verdict]:
            if day.is_kept(age, now):
                return [one(pins, day)]
            why = f"retention may have dropped {address} of that day"
            return [not_comparable(pins.exchange.upper(), name, one.__doc__ or "", why)]

        return check

    def from_elsewhere(pins: Pins) -> list[Verdict]:
        held = elsewhere.in_gold(pins, day)
        return [
            elsewhere.against_archive(pins, day, held, asked.told),
            elsewhere.by_ids(pins, day, held),
            elsewhere.by_counts(pins, day),
        ]

    return [
        kept("bronze.trades", messages.conserved, messages.MESSAGES),
        kept("bronze.trades", messages.accounted, messages.ACCOUNT),
        kept("gold.trades", promoted.unique, promoted.UNIQUE),
        kept("silver.trades", promoted.present, promoted.PRESENT),
        kept("gold.accounting", promoted.accounted, promoted.ACCOUNT),
        lambda pins: candles.exact(pins, day, asked.apps, asked.kept, now),
        from_elsewhere,
    ]
