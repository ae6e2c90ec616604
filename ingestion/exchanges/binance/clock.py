"""Binance's time: `GET /api/v3/time`, of weight 1.

{"serverTime":1790000000123}
"""

from datetime import datetime, timedelta

from msgspec import Struct, json

from ingestion.exchange import UNREADABLE, Clock, ClockUnreadable, Request
from ingestion.exchanges.binance.frames import Instant
from ingestion.exchanges.binance.times import moment


class Answer(Struct, rename="camel"):
    """An error has other fields, and another status than 200."""

    server_time: Instant


def time_in(answer: bytes) -> datetime:
    try:
        return moment(json.decode(answer, type=Answer).server_time)
    except UNREADABLE as error:
        raise ClockUnreadable(f"{error}: {answer[:200]!r}") from error


CLOCK = Clock(
    request=Request(path="/api/v3/time"),
    read=time_in,
    step=timedelta(milliseconds=1),
)
