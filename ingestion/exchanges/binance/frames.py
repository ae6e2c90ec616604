"""What Binance sends, as structs beside an invented frame of each kind.

A trade, on the combined stream:

    {"stream":"btcusdt@trade","data":{"e":"trade","E":1790000000124,"s":"BTCUSDT",
     "t":6000000001,"p":"80123.45000000","q":"0.00150000","T":1790000000123,
     "m":true,"M":true}}

An answer to a request, an error in its two forms, and the notice before a close:

    {"result":null,"id":1}
    {"code":2,"msg":"Invalid request: ..."}
    {"error":{"code":2,"msg":"Invalid request: ..."},"id":2}
    {"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1790000000000}}
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

# Until the year 9999, whichever of the two units it is in.
Instant = Annotated[int, Meta(ge=0, le=253_402_300_799_999_999)]


class TradeEvent(Struct, forbid_unknown_fields=True):
    """`<symbol>@trade`. Times are in ms, or in us when the URL asks for them."""

    event_type: Literal["trade"] = field(name="e")
    event_time: Instant = field(name="E")
    symbol: str = field(name="s")
    trade_id: Annotated[int, Meta(ge=0)] = field(name="t")
    price: str = field(name="p")
    quantity: str = field(name="q")
    trade_time: Instant = field(name="T")
    buyer_is_maker: bool = field(name="m")
    is_best_match: bool | UnsetType = field(name="M", default=UNSET)
    """Without meaning, says Binance; kept because it is sent."""


class TradeFrame(Struct, forbid_unknown_fields=True):
    """A trade in its envelope. Unknown fields fail here and are read the slow way."""

    stream: str
    data: TradeEvent


class AnyEvent(Struct):
    """The least that every event has."""

    event_type: str = field(name="e")


class Fault(Struct):
    """What Binance says of a request that it did not like."""

    code: int
    msg: str


class AnyFrame(Struct):
    """Any frame: which of the fields are set says what it is about."""

    stream: str = ""
    data: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Fault | UnsetType = UNSET
    code: int | UnsetType = UNSET
    msg: str = ""
    event_type: str = field(name="e", default="")


class Symbol(Struct, rename="camel"):
    """One entry of `exchangeInfo`; a symbol cannot be cut into its legs by rule."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str


class ExchangeInfo(Struct):
    """The catalogue: `GET /api/v3/exchangeInfo`."""

    symbols: list[Symbol]
