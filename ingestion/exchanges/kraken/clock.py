"""Kraken's time, in whole seconds: `GET /0/public/Time`.

{"error":[],"result":{"unixtime":1790000000,"rfc1123":"Mon, 21 Sep 26 ..."}}
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, json

from ingestion.exchange import (
    UNREADABLE,
    AskedTooOften,
    Clock,
    ClockUnreadable,
    Request,
)
from ingestion.exchanges.kraken.fill import BUSY


class Time(Struct):
    """The last second that has begun."""

    unixtime: Annotated[int, Meta(ge=0, le=253_402_300_799)]


class Answer(Struct):
    """Failures are HTTP 200 as well."""

    error: list[str]
    result: Time | None = None


def time_in(answer: bytes) -> datetime:
    try:
        told = json.decode(answer, type=Answer)
    except UNREADABLE as error:
        raise ClockUnreadable(f"{error}: {answer[:200]!r}") from error
    why = "; ".join(told.error)
    if why.startswith(BUSY):
        raise AskedTooOften(why)
    if told.result is None:
        raise ClockUnreadable(why or f"no time in {answer[:200]!r}")
    return datetime.fromtimestamp(told.result.unixtime, UTC)


CLOCK = Clock(
    request=Request(path="/0/public/Time"), read=time_in, step=timedelta(seconds=1)
)
