"""What a check says of one exchange's day."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from spark_apps.spans import Span

PASSED, FAILED, NOT_COMPARABLE = "passed", "failed", "not comparable"
SHOWN = 5
"""Samples that a verdict keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One check's answer; with run, moment and day it is a row of `gold.audits`."""

    exchange: str
    check_name: str
    asked: str
    state: str = PASSED
    expected: int | None = None
    found: int | None = None
    differing: int = 0
    samples: str = "[]"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day that is over."""

    day: date

    @property
    def span(self) -> Span:
        """Its first instant and the next day's, UTC without a zone."""
        begin = datetime(self.day.year, self.day.month, self.day.day)
        return begin, begin + timedelta(days=1)

    def wider(self, before: timedelta, after: timedelta) -> Span:
        """Return the span with so much more on both sides."""
        begin, end = self.span
        return begin - before, end + after

    def is_kept(self, kept_for: timedelta | None, now: datetime) -> bool:
        """Return whether retention cannot have dropped anything of the day yet."""
        if kept_for is None:
            return True
        oldest = now.astimezone(UTC).replace(tzinfo=None) - kept_for
        return self.span[0] > oldest + timedelta(hours=1)


def judged(
    exchange: str,
    check_name: str,
    asked: str,
    *,
    expected: int | None,
    found: int | None,
    differing: int,
    samples: Iterable[str] = (),
    next_step: str,
    waiting: str = "",
) -> Verdict:
    """Return a verdict: red if anything differs, else open while anything waits."""
    state, note = PASSED, ""
    if differing:
        state, note = FAILED, next_step
    elif waiting:
        state, note = NOT_COMPARABLE, waiting
    return Verdict(
        exchange=exchange,
        check_name=check_name,
        asked=asked,
        state=state,
        expected=expected,
        found=found,
        differing=differing,
        samples=json.dumps([each for each, _ in zip(samples, range(SHOWN))]),
        note=note,
    )


def not_comparable(exchange: str, check_name: str, asked: str, why: str) -> Verdict:
    """Return the verdict of a check that could not be asked."""
    return Verdict(
        exchange=exchange,
        check_name=check_name,
        asked=asked,
        state=NOT_COMPARABLE,
        note=why,
    )
