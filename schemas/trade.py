"""The one record that crosses the wire: V3, in Python and as columns of a table."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import sha1
from typing import TYPE_CHECKING
from uuid import UUID

from schemas.table import Column

if TYPE_CHECKING:
    from _hashlib import HASH

MESSAGES = UUID("c38b2b7c-6e4d-5ba4-bb83-f2eeae332e53")
"""The namespace in which every message_id is a name."""
VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit of a UUID that tells how the others are meant, by what it was."""
CONNECTION = "connection"
"""The field of vendor_data in which a trade tells by which connection it came."""
SCALE = 18
"""Decimal places of price and quantity, on the wire and in the tables."""


class Side(StrEnum):
    """The taker's side: BUY says that the aggressor bought."""

    BUY = "BUY"
    SELL = "SELL"

    # As any text's. An enum's own is Python, and is asked for each trade.
    __hash__ = str.__hash__


@dataclass(slots=True, kw_only=True)
class Trade:
    """One trade. What identifies it is derived, so that it cannot be given wrongly.

    Not frozen: capture makes each trade anew, and that would take four times as long.
    """

    message_id: str = field(init=False)
    """UUIDv5 of exchange, symbol and trade_id: a replay of a trade has its id again."""
    trade_id: str
    symbol: str = field(init=False)
    exchange: str
    """Name of the adapter's folder, in capitals."""
    timestamp: datetime
    price: Decimal
    quantity: Decimal
    base_asset: str
    quote_currency: str
    side: Side
    ingestion_timestamp: datetime
    vendor_data: dict[str, str]

    def __post_init__(self) -> None:
        symbol = self.base_asset + self.quote_currency
        self.symbol = symbol
        self.message_id = message_id(self.exchange, symbol, self.trade_id)


def message_id(exchange: str, symbol: str, trade_id: str) -> str:
    """Return the UUIDv5 of `exchange|symbol|trade_id`.

    It is what `uuid.uuid5` returns, which takes five times as long.
    """
    digest = digest_of(exchange, symbol).copy()
    digest.update(trade_id.encode())
    told = digest.hexdigest()
    return (
        f"{told[:8]}-{told[8:12]}-5{told[13:16]}"
        f"-{VARIANTS[told[16]]}{told[17:20]}-{told[20:32]}"
    )


@lru_cache(maxsize=4096)
def digest_of(exchange: str, symbol: str) -> "HASH":
    """Return the digest that all names of a symbol go on from; it is never updated."""
    return sha1(
        MESSAGES.bytes + f"{exchange}|{symbol}|".encode(), usedforsecurity=False
    )


TRADE_COLUMNS = (
    Column("message_id", "string", "UUIDv5 of exchange, symbol and trade_id."),
    Column("trade_id", "string", "The exchange's own id."),
    Column("symbol", "string", "Base and quote in one, such as BTCUSD."),
    Column("exchange", "string", "Name of the adapter's folder, in capitals."),
    Column("timestamp", "timestamp", "When it happened, by the exchange's clock."),
    Column("price", "decimal(38, 18)", "Quote units for one base unit."),
    Column("quantity", "decimal(38, 18)", "Base units traded."),
    Column("base_asset", "string", "What was traded, such as BTC; never XBT."),
    Column("quote_currency", "string", "What it was paid in, such as USD."),
    Column("side", "string", "The taker's side: BUY or SELL."),
    Column("ingestion_timestamp", "timestamp", "When the frame reached us."),
    Column("vendor_data", "map<string, string>", "The exchange's own fields, as text."),
)
"""The record's fields as columns; silver and gold begin with these."""
