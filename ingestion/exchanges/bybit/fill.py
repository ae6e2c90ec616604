"""Bybit's newest trades: `GET /v5/market/recent-trade`, an object each.

    {"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[
     {"execId":"2290000000000000001","symbol":"BTCUSDT","price":"80123.4",
      "size":"0.0015","side":"Buy","time":"1790000000123","isBlockTrade":false}]},
     "retExtInfo":{},"time":1790000000200}

Newest first, 60 on spot, and no cursor that leads further back.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field, json

from ingestion.exchange import (
    UNREADABLE,
    Allowance,
    AskedTooOften,
    Digits,
    Instrument,
    Page,
    PageUnreadable,
    Request,
    Told,
)
from ingestion.exchanges.bybit.frames import TradeId
from schemas.trade import Side, Trade

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = "60"
TOO_MANY_VISITS = 10006
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}


class Row(Struct, rename="camel"):
    """One of the newest trades."""

    exec_id: TradeId
    price: Digits
    size: Digits
    side: Literal["Buy", "Sell"]
    """The taker's."""
    time: Annotated[str, Meta(pattern=r"^[0-9]{1,15}$")]
    is_block_trade: bool | UnsetType = UNSET
    is_rpi_trade: bool | UnsetType = field(name="isRPITrade", default=UNSET)


class Rows(Struct):
    """What an answer holds."""

    rows: list[Row] = field(name="list")


class Answer(Struct, rename="camel"):
    """Failures are HTTP 200 as well."""

    ret_code: int
    ret_msg: str
    result: Raw


read_answer = json.Decoder(Answer).decode


def result_of(answer: bytes, unreadable: type[Told]) -> Raw:
    """Return what an answer holds.

    Raises:
        AskedTooOften: it says that we ask too often.
        unreadable: it is another refusal.
    """
    told = read_answer(answer)
    if told.ret_code == TOO_MANY_VISITS:
        raise AskedTooOften(told.ret_msg)
    if told.ret_code:
        raise unreadable(f"{told.ret_code}: {told.ret_msg}")
    return told.result


class BybitFill:
    """There is no cursor: each question is for the newest."""

    # Far below the 120 a second that an address may ask.
    allowance = Allowance(cost=10, per=timedelta(seconds=1))

    def first(self, first_id: int, after: datetime) -> str | None:
        return None

    def since(self, moment: datetime) -> str | None:
        return None

    def request(self, instrument: Instrument, cursor: str) -> Request:
        return self.newest(instrument)

    def newest(self, instrument: Instrument) -> Request:
        return Request(
            path="/v5/market/recent-trade",
            query={
                "category": "spot",
                "symbol": instrument.rest_name,
                "limit": PAGE,
            },
        )

    def page(
        self, answer: bytes, instrument: Instrument, received_at: datetime
    ) -> Page:
        try:
            newest = json.decode(result_of(answer, PageUnreadable), type=Rows).rows
            rows = sorted(newest, key=lambda row: int(row.exec_id))
            trades = tuple(trade_of(row, instrument, received_at) for row in rows)
        except (*UNREADABLE, OverflowError) as error:
            raise PageUnreadable(f"{error}: {answer[:200]!r}") from error
        return Page(trades, "")


def trade_of(row: Row, instrument: Instrument, received_at: datetime) -> Trade:
    told = {"native_symbol": instrument.native, "source": "rest", "origin": "rest"}
    if row.is_block_trade is not UNSET:
        told["is_block_trade"] = "true" if row.is_block_trade else "false"
    if row.is_rpi_trade is not UNSET:
        told["is_rpi_trade"] = "true" if row.is_rpi_trade else "false"
    return Trade(
        trade_id=row.exec_id,
        exchange="BYBIT",
        timestamp=EPOCH + timedelta(milliseconds=int(row.time)),
        price=Decimal(row.price),
        quantity=Decimal(row.size),
        base_asset=instrument.base,
        quote_currency=instrument.quote,
        side=SIDES[row.side],
        ingestion_timestamp=received_at,
        vendor_data=told,
    )
