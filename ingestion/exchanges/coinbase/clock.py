"""Coinbase's time: `GET /time`.

{"iso":"2026-09-21T14:13:20.123Z","epoch":1790000000.123}
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, json

from ingestion.exchange import UNREADABLE, Clock, ClockUnreadable, Request


class Answer(Struct):
    """An error has another field, and another status than 200."""

    iso: Annotated[datetime, Meta(tz=True)]


def time_in(answer: bytes) -> datetime:
    try:
        return json.decode(answer, type=Answer).iso.astimezone(UTC)
    except (*UNREADABLE, OverflowError) as error:
        raise ClockUnreadable(f"{error}: {answer[:200]!r}") from error


CLOCK = Clock(
    request=Request(path="/time"), read=time_in, step=timedelta(milliseconds=1)
)
