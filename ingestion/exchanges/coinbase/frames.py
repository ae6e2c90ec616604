"""What Coinbase sends, as structs beside an invented frame of each kind.

A trade, and the newest one before it, which each subscription repeats as `last_match`:

    {"type":"match","trade_id":900000001,"maker_order_id":"<uuid>",
     "taker_order_id":"<uuid>","side":"sell","size":"0.0015","price":"80123.45",
     "product_id":"BTC-USD","sequence":99000000001,
     "time":"2026-09-21T14:13:20.123456Z"}

A subscription is answered once, for all of its products; the rest proves a connection:

    {"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}
    {"type":"error","message":"Failed to subscribe","reason":"X is not a valid product"}
    {"type":"heartbeat","sequence":99000000002,"last_trade_id":900000001,
     "product_id":"BTC-USD","time":"2026-09-21T14:13:21.000001Z"}
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct


class Match(Struct, forbid_unknown_fields=True):
    """A trade. Unknown fields fail here and are read the slow way."""

    type: Literal["match", "last_match"]
    trade_id: Annotated[int, Meta(gt=0)]
    side: Literal["buy", "sell"]
    """The maker's."""
    size: str
    price: str
    product_id: str
    time: Annotated[datetime, Meta(tz=True)]
    sequence: int
    """Of all events of the product's book: trades are few of them."""
    maker_order_id: str = ""
    taker_order_id: str = ""


class AnyFrame(Struct):
    """Any frame: `type` says what it is about."""

    type: str = ""
    message: str = ""
    reason: str = ""


class Product(Struct):
    """One entry of the catalogue: `GET /products`."""

    id: str
    base_currency: str
    quote_currency: str
    status: str
    trading_disabled: bool = False
