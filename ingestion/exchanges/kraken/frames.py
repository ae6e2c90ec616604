"""What Kraken sends on WebSocket v2, as structs beside an invented frame of each kind.

A frame of trades holds many, of several pairs; prices are JSON numbers:

    {"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy",
     "price":80123.4,"qty":0.00150000,"ord_type":"limit","trade_id":110000001,
     "timestamp":"2026-09-21T14:13:20.123456Z"}]}

A subscription is answered once a symbol; the rest is about the connection:

    {"method":"subscribe","result":{"channel":"trade","snapshot":true,
     "symbol":"BTC/USD"},"success":true,"time_in":"...","time_out":"..."}
    {"error":"Currency pair not supported XBT/USD","method":"subscribe",
     "success":false,"symbol":"XBT/USD","time_in":"...","time_out":"..."}
    {"channel":"heartbeat"}
    {"method":"pong","req_id":42,"time_in":"...","time_out":"..."}
    {"channel":"status","type":"update","data":[{"system":"online", ...}]}
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct


class KrakenTrade(Struct, forbid_unknown_fields=True):
    """A trade. A number read as Decimal keeps its digits."""

    symbol: str
    side: Literal["buy", "sell"]
    price: Decimal
    qty: Decimal
    ord_type: str
    # Runs of trades once had the id 0: such an id is nobody's.
    trade_id: Annotated[int, Meta(gt=0)]
    timestamp: Annotated[datetime, Meta(tz=True)]


class TradesFrame(Struct, forbid_unknown_fields=True):
    """Trades in their envelope. Unknown fields fail here and are read the slow way."""

    channel: Literal["trade"]
    type: str
    data: list[KrakenTrade]


class AnyFrame(Struct):
    """Any frame: `channel` or `method` says what it is about."""

    channel: str = ""
    method: str = ""
    type: str = ""
    success: bool = True
    error: str = ""
    symbol: str = ""
    data: Raw = Raw(b"[]")


class Subscribed(Struct):
    """What a subscription was acknowledged for."""

    channel: str = ""
    symbol: str = ""


class Ack(Struct):
    """The answer to a subscription that was taken."""

    method: Literal["subscribe"]
    success: Literal[True]
    result: Subscribed


class Pair(Struct):
    """One entry of `AssetPairs`; `wsname` is in the spelling of the old WebSocket."""

    wsname: str = ""
    status: str = "online"


class AssetPairs(Struct):
    """The catalogue: `GET /0/public/AssetPairs`. Failures are HTTP 200 as well."""

    error: list[str]
    result: dict[str, Pair] = {}
