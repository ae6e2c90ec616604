"""Bybit's time: `GET /v5/market/time`.

{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1790000000",
 "timeNano":"1790000000123456789"},"retExtInfo":{},"time":1790000000123}
"""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, json

from ingestion.exchange import (
    UNREADABLE,
    AskedTooOften,
    Clock,
    ClockUnreadable,
    Request,
)
from ingestion.exchanges.bybit.fill import EPOCH, TOO_MANY_VISITS, read_answer


class Time(Struct, rename="camel"):
    """What an answer holds."""

    time_nano: Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")]


def time_in(answer: bytes) -> datetime:
    try:
        told = read_answer(answer)
        if told.ret_code == TOO_MANY_VISITS:
            raise AskedTooOften(told.ret_msg)
        if told.ret_code:
            raise ClockUnreadable(f"{told.ret_code}: {told.ret_msg}")
        nano = int(json.decode(told.result, type=Time).time_nano)
        return EPOCH + timedelta(microseconds=nano // 1000)
    except (*UNREADABLE, OverflowError) as error:
        raise ClockUnreadable(f"{error}: {answer[:200]!r}") from error


CLOCK = Clock(
    request=Request(path="/v5/market/time"),
    read=time_in,
    step=timedelta(microseconds=1),
)
