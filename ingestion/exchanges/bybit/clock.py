"""Bybit's time: `GET /v5/market/time`.

{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1790000000",
 "timeNano":"1790000000123456789"},"retExtInfo":{},"time":1790000000123}
"""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, json

from ingestion.exchange import (
    UNREADABLE,
    Clock,
    ClockUnreadable,
    Request,
)
from ingestion.exchanges.bybit.fill import EPOCH, result_of


class Time(Struct, rename="camel"):
    """What an answer holds."""

    time_nano: Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")]


def time_in(answer: bytes) -> datetime:
    try:
        told = json.decode(result_of(answer, ClockUnreadable), type=Time)
        return EPOCH + timedelta(microseconds=int(told.time_nano) // 1000)
    except (*UNREADABLE, OverflowError) as error:
        raise ClockUnreadable(f"{error}: {answer[:200]!r}") from error


CLOCK = Clock(
    request=Request(path="/v5/market/time"),
    read=time_in,
    step=timedelta(microseconds=1),
)
