"""Coinbase's past trades by id: `GET /products/<id>/trades`, an object each.

    {"trade_id":900000001,"side":"sell","size":"0.00150000","price":"80123.45000000",
     "time":"2026-09-21T14:13:20.123456Z"}

Newest first; `after=N` asks for those older than the id N, 1000 at most. Ids count up
by one for each product, so that N ahead of what is wanted walks upwards.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct, json

from ingestion.exchange import (
    UNREADABLE,
    Allowance,
    Digits,
    Instrument,
    Page,
    PageUnreadable,
    Request,
)
from schemas.trade import Side, Trade

PAGE = 1000
TAKEN = {"buy": Side.SELL, "sell": Side.BUY}
"""What the taker did where the maker's order, which Coinbase tells, was this."""


class Row(Struct):
    """One past trade."""

    trade_id: Annotated[int, Meta(gt=0)]
    side: Literal["buy", "sell"]
    """The maker's."""
    size: Digits
    price: Digits
    time: Annotated[datetime, Meta(tz=True)]


read_rows = json.Decoder(list[Row]).decode


class CoinbaseFill:
    """The id behind a page is its cursor.

    A page holds the newest below its cursor: ids that nobody bears make it reach
    further back, and never leave one out. A thousand of them in a row are no page's
    progress, and end the walk.
    """

    # Half of the ten a second that an address may ask.
    allowance = Allowance(cost=5, per=timedelta(seconds=1))

    def first(self, first_id: int, after: datetime) -> str | None:
        return str(max(1, first_id - 1) + PAGE)

    def since(self, moment: datetime) -> str | None:
        return None

    def request(self, instrument: Instrument, cursor: str) -> Request:
        return asked(instrument, {"after": cursor, "limit": str(PAGE)})

    def newest(self, instrument: Instrument) -> Request:
        return asked(instrument, {"limit": "1"})

    def page(
        self, answer: bytes, instrument: Instrument, received_at: datetime
    ) -> Page:
        try:
            rows = sorted(read_rows(answer), key=lambda row: row.trade_id)
            trades = tuple(trade_of(row, instrument, received_at) for row in rows)
        except (*UNREADABLE, OverflowError) as error:
            raise PageUnreadable(f"{error}: {answer[:200]!r}") from error
        behind = str(rows[-1].trade_id + 1 + PAGE) if rows else ""
        return Page(trades, behind)


def asked(instrument: Instrument, query: dict[str, str]) -> Request:
    return Request(path=f"/products/{instrument.rest_name}/trades", query=query)


def trade_of(row: Row, instrument: Instrument, received_at: datetime) -> Trade:
    return Trade(
        trade_id=str(row.trade_id),
        exchange="COINBASE",
        timestamp=row.time.astimezone(UTC),
        price=Decimal(row.price),
        quantity=Decimal(row.size),
        base_asset=instrument.base,
        quote_currency=instrument.quote,
        side=TAKEN[row.side],
        ingestion_timestamp=received_at,
        vendor_data={
            "native_symbol": instrument.native,
            "source": "rest",
            "origin": "rest",
            "maker_side": row.side,
        },
    )
