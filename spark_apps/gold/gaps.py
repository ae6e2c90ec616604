"""What the ledger says of a hole: open, asked for, filled, or absent there."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Self

from schemas.id_range import (
    IdRange,
    as_text,
    common,
    from_text,
    joined,
    size,
    without,
)
from spark_apps.gold.ranges import Held

OPEN, FILLING, FILLED, ABSENT = "open", "filling", "filled", "absent"
REFUSED = "refused"
"""What is left was refused at the gate, by a person."""
LIVE = (OPEN, FILLING)
"""States in which ids are still to come."""
OPENED_AFTER = {
    "start": "capture was down",
    "silence": "silence",
    "stall": "silence",
}
"""Why a connection was opened, and what was lost before it."""
SHOWN = 1000
"""Ranges of a hole that its row spells out; the fill of these makes room for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an exchange said when it was asked for a hole's ids."""

    exchange: str
    symbol: str
    first_missing_id: int
    last_missing_id: int
    asked_at: datetime
    requests: int
    published: int
    whole: bool
    """Whether it answered for all of the ids, up to a trade behind them."""
    skipped: tuple[IdRange, ...]
    """Ids that it left out between others."""
    reached: tuple[int, datetime] | None = None
    """The trade up to which all was asked for when its time was up."""
    error: str = ""

    @classmethod
    def read(cls, told: Any) -> Self:
        """Return an answer as the fill reports it."""
        reached = told["reached"]
        return cls(
            **told
            | {
                "asked_at": datetime.fromisoformat(told["asked_at"]),
                "skipped": tuple((first, last) for first, last in told["skipped"]),
                "reached": reached and (reached[0], datetime.fromisoformat(reached[1])),
            }
        )

    @property
    def of(self) -> tuple[str, str, int, int]:
        return (
            self.exchange,
            self.symbol,
            self.first_missing_id,
            self.last_missing_id,
        )


def answers(text: str) -> tuple[Answer, ...]:
    """Return the answers in the report of a fill, as JSON."""
    return tuple(Answer.read(told) for told in json.loads(text)["answers"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A row of `gold.gaps`."""

    exchange: str
    symbol: str
    first_missing_id: int
    last_missing_id: int
    state: str
    missing: int
    missing_ranges: str
    after_timestamp: datetime
    before_timestamp: datetime
    found_at: datetime
    filled_at: datetime | None
    cause: str | None
    evidence: str | None
    updated_at: datetime

    @property
    def key(self) -> tuple[str, str, int, int]:
        return (
            self.exchange,
            self.symbol,
            self.first_missing_id,
            self.last_missing_id,
        )

    @property
    def whose(self) -> tuple[str, str]:
        return self.exchange, self.symbol

    @property
    def span(self) -> IdRange:
        return self.first_missing_id, self.last_missing_id


def holes(held: Sequence[Held], now: datetime) -> Iterator[Gap]:
    """Yield what lies between a symbol's ranges, as gaps found just now.

    Days of the past are brought as they are asked for: what lies between two of them,
    before capture began, is no loss if it holds a day that nobody asked for.
    """
    live = False
    for low, high in pairwise(held):
        live = live or low.live_from_id is not None
        if not live and holds_a_day(low.last_timestamp, high.first_timestamp):
            continue
        span = (low.last_id + 1, high.first_id - 1)
        yield Gap(
            exchange=low.exchange,
            symbol=low.symbol,
            first_missing_id=span[0],
            last_missing_id=span[1],
            state=OPEN,
            missing=size([span]),
            missing_ranges=as_text([span]),
            after_timestamp=low.last_timestamp,
            before_timestamp=high.first_timestamp,
            found_at=now,
            filled_at=None,
            cause=cause(low.last_connection, high.first_connection),
            evidence=None,
            updated_at=now,
        )


def cause(before: str | None, behind: str | None) -> str | None:
    """Return why trades are missing, by the connections on both sides of them.

    Each tells when it was opened, why, and how many of its frames nobody could read
    (`ingestion.reading`); `None` is a trade that did not come live.
    """
    if before is None or behind is None:
        return None
    (opened, _, rejected), (since, why, more) = before.split(), behind.split()
    if opened != since:
        return OPENED_AFTER.get(why, "disconnect")
    return "rejected frame" if more != rejected else "omitted by the stream"


def holds_a_day(after: datetime, before: datetime) -> bool:
    """Return whether a whole UTC day lies between two moments."""
    return (before.date() - after.date()).days > 1


def unknown(found: Iterable[Gap], known: Iterable[Gap]) -> list[Gap]:
    """Return the holes that lie in no gap of the ledger."""
    told: dict[tuple[str, str], list[IdRange]] = defaultdict(list)
    for gap in known:
        told[gap.whose].append(gap.span)
    whole = {whose: joined(spans) for whose, spans in told.items()}
    return [gap for gap in found if without(gap.span, whole.get(gap.whose, []))]


def answered(gap: Gap, answer: Answer, apart: timedelta) -> Gap:
    """Return the gap with what the exchange answered.

    Ids that it, asked twice so far apart, left out between others are absent there: no
    fill will ever bring them. When each was first left out is kept until then.
    """
    said = json.loads(gap.evidence or "{}")
    earlier = [
        (datetime.fromisoformat(each["asked_at"]), from_text(each["skipped"]))
        for each in said.get("left_out", [])
    ]
    skipped = joined(answer.skipped)
    again = [
        span
        for asked_at, spans in earlier
        if answer.asked_at - asked_at >= apart
        for span in common(skipped, spans)
    ]
    absent = joined([*from_text(said.get("absent", "[]")), *again])
    known = joined([*absent, *(span for _, spans in earlier for span in spans)])
    new = [part for span in skipped for part in without(span, known)]
    waiting = [
        {"asked_at": asked_at.isoformat(), "skipped": as_text(left[:SHOWN])}
        for asked_at, spans in [*earlier, (answer.asked_at, new)]
        if (left := [part for span in spans for part in without(span, absent)])
    ]
    last = {
        "asked_at": answer.asked_at.isoformat(),
        "requests": answer.requests,
        "published": answer.published,
        "whole": answer.whole,
        "skipped": as_text(answer.skipped[:SHOWN]),
        **({"error": answer.error} if answer.error else {}),
    }
    if answer.reached:
        number, at = answer.reached
        last["reached"] = [number, at.isoformat()]
    told: dict[str, Any] = {"asks": said.get("asks", 0) + 1, "last": last}
    if waiting:
        told["left_out"] = waiting
    if absent:
        told["absent"] = as_text(absent)
    return replace(gap, evidence=json.dumps(told))


def as_it_is(
    gap: Gap, held: Sequence[IdRange], refused: Sequence[IdRange], now: datetime
) -> Gap:
    """Return the gap as what is held, refused and was answered makes it."""
    said = json.loads(gap.evidence or "{}")
    lacking = without(gap.span, held)
    left = [part for span in lacking for part in without(span, refused)]
    absent = common(left, from_text(said.get("absent", "[]")))
    missing = [part for span in left for part in without(span, absent)]
    if missing:
        state = FILLING if said.get("last", {}).get("published") else OPEN
    else:
        state = ABSENT if absent else REFUSED if left != lacking else FILLED
    if (state, size(missing)) == (gap.state, gap.missing):
        return gap
    return replace(
        gap,
        state=state,
        missing=size(missing),
        missing_ranges=as_text(missing[:SHOWN]),
        filled_at=None if missing else (gap.filled_at or now),
    )
