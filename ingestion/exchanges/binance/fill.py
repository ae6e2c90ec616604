"""Binance's past trades by id: `GET /api/v3/historicalTrades`, an object each.

    {"id":6000000001,"price":"80123.45000000","qty":"0.00150000",
     "quoteQty":"120.18517500","time":1790000000123,"isBuyerMaker":true,
     "isBestMatch":true}

`fromId` is inclusive, ids ascend, 1000 are a page; a request weighs 25 of the 6000 that
an address may ask for in a minute.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Raw, Struct, json

from ingestion.exchange import (
    UNREADABLE,
    Allowance,
    Digits,
    Instrument,
    Page,
    PageUnreadable,
    Request,
    with_unread,
)
from ingestion.exchanges.binance.frames import Instant
from ingestion.exchanges.binance.times import moment
from schemas.trade import Side, Trade

PAGE = "1000"
UNIT = {"X-MBX-TIME-UNIT": "MICROSECOND"}
"""As the stream is asked for it: a trade has one time, whoever tells it."""


class Row(Struct, rename="camel"):
    """One past trade."""

    id: Annotated[int, Meta(ge=0)]
    price: Digits
    qty: Digits
    time: Instant
    is_buyer_maker: bool


KNOWN = {"id", "price", "qty", "time", "isBuyerMaker"}
NAMES = {"isBestMatch": "is_best_match"}
"""What a stream sends too, by the name that it has there."""

read_rows = json.Decoder(list[dict[str, Raw]]).decode


class BinanceFill:
    """Ids are the cursor."""

    # Half of the limit: it is shared by all who ask from one address.
    allowance = Allowance(cost=3000, per=timedelta(minutes=1))

    def first(self, first_id: int, after: datetime) -> str:
        return str(max(0, first_id - 1))

    def since(self, moment: datetime) -> str | None:
        return None

    def request(self, instrument: Instrument, cursor: str) -> Request:
        symbol = instrument.rest_name
        return Request(
            path="/api/v3/historicalTrades",
            query={"symbol": symbol, "fromId": cursor, "limit": PAGE},
            headers=UNIT,
            cost=25,
        )

    def newest(self, instrument: Instrument) -> Request:
        return Request(
            path="/api/v3/trades",
            query={"symbol": instrument.rest_name, "limit": "1"},
            headers=UNIT,
            cost=25,
        )

    def page(
        self, answer: bytes, instrument: Instrument, received_at: datetime
    ) -> Page:
        try:
            trades = tuple(
                trade_of(sent, instrument, received_at) for sent in read_rows(answer)
            )
        except UNREADABLE as error:
            raise PageUnreadable(f"{error}: {answer[:200]!r}") from error
        return Page(trades, str(int(trades[-1].trade_id) + 1) if trades else "")


def trade_of(
    sent: dict[str, Raw], instrument: Instrument, received_at: datetime
) -> Trade:
    known = {name: sent[name] for name in sent.keys() & KNOWN}
    row = json.decode(json.encode(known), type=Row)
    told = {
        "native_symbol": instrument.native,
        "source": "rest",
        "origin": "rest",
        "is_buyer_maker": "true" if row.is_buyer_maker else "false",
    }
    unread = {NAMES.get(name, name): text(sent[name]) for name in sent.keys() - KNOWN}
    return Trade(
        trade_id=str(row.id),
        exchange="BINANCE",
        timestamp=moment(row.time),
        price=Decimal(row.price),
        quantity=Decimal(row.qty),
        base_asset=instrument.base,
        quote_currency=instrument.quote,
        side=Side.SELL if row.is_buyer_maker else Side.BUY,
        ingestion_timestamp=received_at,
        vendor_data=with_unread(told, unread),
    )


def text(raw: Raw) -> str:
    """Return a field as it came; a string without its quotes."""
    value = json.decode(raw)
    return value if isinstance(value, str) else bytes(raw).decode()
