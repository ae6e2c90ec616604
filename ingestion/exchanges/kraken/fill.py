"""Kraken's past trades by time: `GET /0/public/Trades`, an array each.

    {"error":[],"result":{"XXBTZUSD":[["80123.40000","0.00150000",1790000000.1234567,
     "b","l","",110000001]],"last":"1790000000123456789"}}

Price, volume, seconds, side of the taker, order type, misc, trade id. `since` counts
nanoseconds and is inclusive; there is no cursor by id. Seconds are a double, so that a
time may be a microsecond off what the stream said.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import Raw, Struct, json

from ingestion.exchange import (
    UNREADABLE,
    Allowance,
    AskedTooOften,
    Instrument,
    Page,
    PageUnreadable,
    Request,
)
from schemas.trade import Side, Trade

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = "1000"
BACK = 1000
"""Nanoseconds that a page reaches back: further than a time may be off."""
SIDES = {"b": Side.BUY, "s": Side.SELL}
ORDERS = {"m": "market", "l": "limit"}
BUSY = ("EGeneral:Too many requests", "EAPI:Rate limit", "EService:")
"""How errors begin that pass by themselves."""


class Answer(Struct):
    """Failures are HTTP 200 as well."""

    error: list[str]
    result: dict[str, Raw] = {}


Row = tuple[str, str, Decimal, str, str, str, int]
read_answer = json.Decoder(Answer).decode
read_rows = json.Decoder(list[Row]).decode


class KrakenFill:
    """Time is the cursor; a page repeats what the one before ended with."""

    allowance = Allowance(cost=1, per=timedelta(seconds=1))

    def first(self, first_id: int, after: datetime) -> str:
        return self.since(after)

    def since(self, moment: datetime) -> str:
        return str((moment - EPOCH) // timedelta(microseconds=1) * 1000 - BACK)

    def request(self, instrument: Instrument, cursor: str) -> Request:
        asked = {"pair": instrument.rest_name, "since": cursor, "count": PAGE}
        return Request(path="/0/public/Trades", query=asked)

    def newest(self, instrument: Instrument) -> Request:
        asked = {"pair": instrument.rest_name, "count": "1"}
        return Request(path="/0/public/Trades", query=asked)

    def page(
        self, answer: bytes, instrument: Instrument, received_at: datetime
    ) -> Page:
        try:
            told = read_answer(answer)
            if told.error:
                why = "; ".join(told.error)
                if any(each.startswith(BUSY) for each in told.error):
                    raise AskedTooOften(why)
                raise PageUnreadable(why)
            (rows,) = (
                read_rows(raw) for name, raw in told.result.items() if name != "last"
            )
            trades = tuple(trade_of(row, instrument, received_at) for row in rows)
            # Without `last`, which is missing at times, a row's own time has to do.
            last = json.decode(told.result.get("last", Raw(b'""')))
            if not last and rows:
                last = str(int(rows[-1][2] * 10**9) - BACK)
        except (*UNREADABLE, ArithmeticError, KeyError, ValueError) as error:
            raise PageUnreadable(f"{error}: {answer[:200]!r}") from error
        return Page(trades, last)


def trade_of(row: Row, instrument: Instrument, received_at: datetime) -> Trade:
    price, volume, seconds, side, order, misc, trade_id = row
    if trade_id <= 0:
        raise ValueError(f"trade id {trade_id} is nobody's")
    return Trade(
        trade_id=str(trade_id),
        exchange="KRAKEN",
        timestamp=EPOCH + timedelta(microseconds=int(seconds * 10**6)),
        price=Decimal(price),
        quantity=Decimal(volume),
        base_asset=instrument.base,
        quote_currency=instrument.quote,
        side=SIDES[side],
        ingestion_timestamp=received_at,
        vendor_data={
            "native_symbol": instrument.native,
            "source": "rest",
            "origin": "rest",
            "ord_type": ORDERS.get(order, order),
            "time": str(seconds),
            "misc": misc,
        },
    )
