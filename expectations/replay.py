"""What a person may ask of a replay of dead letters, and how it is told a job."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Self

from expectations.rule import version_of
from expectations.silver.trades import rules
from schemas.exchange import opened
from schemas.table import all_exchanges

DECODE = (
    "empty_payload",
    "bad_wire_header",
    "unknown_schema_id",
    "deserialization_failed",
)
"""Why a message cannot be read; no rule is asked then."""
PASSING, ALL = "what passes now", "all of them"
"""What is sent of the letters that were chosen."""
MOST = 200_000
"""Letters that one run sends at most: a gate reads so many rows in seconds."""
USUAL_SPAN = timedelta(days=1)
"""How far back is looked if nobody says since when."""


class AskedWrongly(Exception):
    """What was asked for is not there to be had: the message says what is."""


def reasons() -> tuple[str, ...]:
    """Return every reason for which silver makes a message a dead letter."""
    # The names of the rules are the same for each exchange; their bounds are not.
    named = (rule.error_reason for rule in rules(all_exchanges()[0]))
    return (*DECODE, *named)


def judge(exchange: str, schema_ids: Sequence[int]) -> str:
    """Return a name for what judges a message: these rules, and these schemas."""
    known = ",".join(map(str, sorted(schema_ids)))
    text = f"{version_of(rules(exchange))} {known}"
    return sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which dead letters a person chose, and what is to be sent of them."""

    exchange: str
    reasons: tuple[str, ...]
    """Of the letters, by their first one; none means all."""
    since: datetime
    """UTC; by when the letters were written."""
    until: datetime
    """The first moment that is not asked for, UTC."""
    send: str = PASSING
    again: bool = False
    """Whether also those that were sent before, and judged as they would be now."""
    at_most: int = MOST

    @classmethod
    def of(cls, params: Mapping[str, Any], now: datetime) -> Self:
        """Return what the trigger's form says.

        Raises:
            AskedWrongly: a value is not among those that the form offers.
        """
        until = moment(params.get("until"), now)
        # The year 1 has no day before it.
        usual = until - min(USUAL_SPAN, until - datetime.min.replace(tzinfo=UTC))
        return cls(
            exchange=one_of("exchange", params["exchange"], all_exchanges()),
            reasons=tuple(
                one_of("reason", each, reasons()) for each in params["reasons"] or ()
            ),
            since=moment(params.get("since"), usual),
            until=until,
            send=one_of("send", params["send"], (PASSING, ALL)),
            again=params["again"] is True,
            at_most=at_most(params["at_most"]),
        )._in_order()

    def _in_order(self) -> Self:
        if self.since >= self.until:
            raise AskedWrongly(
                f"since {self.since:%Y-%m-%d %H:%M} is not before until "
                f"{self.until:%Y-%m-%d %H:%M} (UTC): choose an earlier start"
            )
        if self.since.date() < opened(self.exchange):
            raise AskedWrongly(
                f"since {self.since:%Y-%m-%d}: {self.exchange} was not open then"
            )
        return self

    @property
    def text(self) -> str:
        """The same as one line of JSON, for the job that does it."""
        told = asdict(self)
        for name in ("since", "until"):
            told[name] = told[name].isoformat()
        return json.dumps(told)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `text` tells; everything in it is looked at again.

        Raises:
            AskedWrongly: it is no such line.
        """
        try:
            told = json.loads(text)
            return cls.of(dict(told), datetime.now(UTC))
        except (ValueError, TypeError, KeyError) as error:
            raise AskedWrongly(f"--asked {text[:200]!r}: {error!r}") from error


def moment(said: Any, otherwise: datetime) -> datetime:
    """Return a moment that a form gives as text, in UTC.

    Raises:
        AskedWrongly: it is none; the message says what one looks like.
    """
    if said is None or said == "":
        return otherwise
    try:
        told = datetime.fromisoformat(str(said))
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise AskedWrongly(
            f"no moment: {error}; expected such as 2026-11-28T00:00:00Z"
        ) from error


def one_of(name: str, said: Any, offered: Sequence[str]) -> str:
    if said not in offered:
        raise AskedWrongly(f"{name} {str(said)[:60]!r}: there are {', '.join(offered)}")
    return str(said)


def at_most(said: Any) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or not 0 < said <= MOST:
        raise AskedWrongly(f"at_most {str(said)[:60]!r}: a number from 1 to {MOST}")
    return said
