"""Coinbase frames: what a trade looks like on the feed and in a REST row."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from simulator.feed import Group
from simulator.hub import Connection
from simulator.trade import Trade

ZERO = datetime(1970, 1, 1, tzinfo=UTC)
MAKER = {"buy": "sell", "sell": "buy"}
"""Whose order rested in the book, by what the taker did."""
EVENTS = 110
"""Events of the book for each trade, about."""


def rfc3339(time_us: int) -> str:
    """Return the time in UTC with exactly six decimals."""
    moment = ZERO + timedelta(microseconds=time_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_us % 1_000_000:06d}Z"


def trimmed(digits: str) -> str:
    """Return a number without zeros that say nothing, as the feed prints sizes."""
    return digits.rstrip("0").rstrip(".")


def match(kind: str, trade: Trade) -> str:
    """Return the frame of a trade; `side` is the maker's."""
    return (
        f'{{"type":"{kind}","trade_id":{trade.trade_id},'
        f'"maker_order_id":"{UUID(int=2 * trade.trade_id)}",'
        f'"taker_order_id":"{UUID(int=2 * trade.trade_id + 1)}",'
        f'"side":"{MAKER[trade.side]}","size":"{trimmed(trade.quantity)}",'
        f'"price":"{trade.price}","product_id":"{trade.symbol}",'
        f'"sequence":{EVENTS * trade.trade_id},"time":"{rfc3339(trade.time_us)}"}}'
    )


def texts(connection: Connection, groups: list[Group]) -> list[str]:
    """Return the frames that a connection is told of these trades, one a trade."""
    follows = connection.follows
    return [
        match("match", trade)
        for group in groups
        for trade in group
        if trade.trade_id > follows.get(trade.symbol, trade.trade_id)
    ]


def heartbeat(product: str, last_id: int, time_us: int) -> str:
    """Return the frame that comes once a second for each product."""
    return (
        f'{{"type":"heartbeat","sequence":{EVENTS * last_id + 1},'
        f'"last_trade_id":{last_id},"product_id":"{product}",'
        f'"time":"{rfc3339(time_us)}"}}'
    )


def row(trade: Trade) -> dict[str, object]:
    """Return a row of `/products/<id>/trades`; price and size are padded there."""
    whole, _, part = trade.price.partition(".")
    return {
        "trade_id": trade.trade_id,
        "side": MAKER[trade.side],
        "size": trade.quantity,
        "price": f"{whole}.{part:0<8}",
        "time": rfc3339(trade.time_us),
    }


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
