"""What a count says: gold has as many trades in a span as REST had, or it has not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

OPEN, EQUAL, SHORT, BEYOND = "open", "equal", "short", "beyond"
SETTLED = timedelta(seconds=90)
"""How long trades may be on their way to gold before a span is compared."""
PATIENCE = timedelta(minutes=15)
"""After which a span that lacks trades is `short`: a gate may be closed for minutes."""
FOLLOWED = timedelta(days=1)
"""How long a span that lacks trades is compared again: a fill may bring them."""
Span = tuple[str, str, datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A row of `gold.counts`."""

    exchange: str
    symbol: str
    since: datetime
    until: datetime
    at_exchange: int
    in_gold: int | None = None
    state: str = OPEN
    asked_at: datetime
    compared_at: datetime | None = None

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Return a count as `python -m ingestion count` reports it."""
        return cls(
            exchange=told["exchange"],
            symbol=told["symbol"],
            since=datetime.fromisoformat(told["since"]),
            until=datetime.fromisoformat(told["until"]),
            at_exchange=told["trades"],
            asked_at=datetime.fromisoformat(told["asked_at"]),
        )

    @property
    def key(self) -> Span:
        """What it is a count of."""
        return self.exchange, self.symbol, self.since, self.until


def counts(text: str) -> tuple[Count, ...]:
    """Return the counts in a report; without those that nothing came of."""
    told = json.loads(text)["counts"]
    return tuple(Count.read(each) for each in told if each["since"])


def due(count: Count, now: datetime) -> bool:
    """Return whether a count is to be compared with gold now."""
    age = now - count.asked_at
    return SETTLED <= age and (count.state == OPEN or age < FOLLOWED)


def compared(count: Count, held: int, now: datetime) -> Count:
    """Return a count as it is once gold was found to hold so many trades."""
    if held < count.at_exchange:
        state = SHORT if now - count.asked_at > PATIENCE else OPEN
    else:
        state = EQUAL if held == count.at_exchange else BEYOND
    return replace(count, in_gold=held, state=state, compared_at=now)
