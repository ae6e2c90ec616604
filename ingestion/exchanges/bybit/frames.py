"""What Bybit sends, as structs beside an invented frame of each kind.

Trades of one symbol, 1024 at most; `type` is always `snapshot`, and never a replay:

    {"topic":"publicTrade.BTCUSDT","ts":1790000000124,"type":"snapshot","data":[
     {"i":"2290000000000000001","T":1790000000123,"p":"80123.4","v":"0.001500",
      "S":"Buy","seq":115000000001,"s":"BTCUSDT","BT":false,"RPI":false}]}

Requests are answered one by one; a ping is one of them:

    {"success":true,"ret_msg":"","conn_id":"...","req_id":"1","op":"subscribe"}
    {"success":false,"ret_msg":"args size >10","conn_id":"...","op":"subscribe"}
    {"success":true,"ret_msg":"pong","conn_id":"...","req_id":"","op":"ping"}
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

TOPIC = "publicTrade."
# What a number in order of time must be: derivatives have random ids.
TradeId = Annotated[str, Meta(pattern=r"^[0-9]{1,19}$")]
# In ms, until the year 9999.
Instant = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]


class TradeEvent(Struct, forbid_unknown_fields=True):
    """One trade of a frame."""

    trade_id: TradeId = field(name="i")
    time: Instant = field(name="T")
    price: str = field(name="p")
    quantity: str = field(name="v")
    side: Literal["Buy", "Sell"] = field(name="S")
    """The taker's."""
    symbol: str = field(name="s")
    sequence: int | UnsetType = field(name="seq", default=UNSET)
    """Of the matching engine; several trades share one."""
    block_trade: bool | UnsetType = field(name="BT", default=UNSET)
    price_improved: bool | UnsetType = field(name="RPI", default=UNSET)
    """Whether it met an order for retail price improvement."""


class TradeFrame(Struct, forbid_unknown_fields=True):
    """Trades in their envelope. Unknown fields fail here and are read the slow way."""

    topic: Annotated[str, Meta(pattern=r"^publicTrade\.")]
    published: Instant = field(name="ts")
    type: str
    data: list[TradeEvent]


class AnyFrame(Struct):
    """Any frame: `topic` or `op` says what it is about."""

    topic: str = ""
    published: Instant = field(name="ts", default=0)
    type: str = ""
    data: Raw = Raw(b"[]")
    op: str = ""
    success: bool | UnsetType = UNSET
    ret_msg: str = ""


class Symbol(Struct, rename="camel"):
    """One entry of the catalogue; a symbol cannot be cut into its legs by rule."""

    symbol: str
    base_coin: str
    quote_coin: str
    status: str


class Listed(Struct):
    """What the catalogue holds."""

    symbols: list[Symbol] = field(name="list")


class Catalogue(Struct, rename="camel"):
    """`GET /v5/market/instruments-info`. Failures are HTTP 200 as well."""

    ret_code: int
    ret_msg: str
    result: Raw
