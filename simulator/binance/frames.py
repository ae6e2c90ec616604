"""Binance frames: what a trade looks like on a stream and in a REST row."""

import json
import re
from decimal import Decimal

from simulator.feed import Group
from simulator.hub import Connection
from simulator.trade import Trade

MOMENTS = re.compile(r'"(E|T)":(\d+)')


def frame(trade: Trade) -> str:
    """Return the frame of a combined stream; a recorded one is sent as it was."""
    if trade.recorded:
        return trade.recorded
    maker = "true" if trade.side == "sell" else "false"
    return (
        f'{{"stream":"{trade.symbol.lower()}@trade","data":{{"e":"trade",'
        f'"E":{trade.published_ms},"s":"{trade.symbol}","t":{trade.trade_id},'
        f'"p":"{trade.price}","q":"{trade.quantity}","T":{trade.time_ms},'
        f'"m":{maker},"M":true}}}}'
    )


def texts(connection: Connection, groups: list[Group]) -> list[str]:
    """Return the frames that a connection is told of these trades, one a trade."""
    follows = connection.follows
    found = [
        frame(trade)
        for group in groups
        for trade in group
        if trade.trade_id > follows.get(trade.symbol, trade.trade_id)
    ]
    if connection.micros:
        found = [MOMENTS.sub(r'"\1":\g<2>000', text) for text in found]
    if not connection.wrapped:
        found = [bare(text) for text in found]
    return found


def bare(text: str) -> str:
    """Return what a raw stream sends: the data without its wrapping."""
    return text[text.index('"data":') + len('"data":') : -1]


def row(trade: Trade, micros: bool) -> dict[str, object]:
    """Return a row of `trades` and `historicalTrades`."""
    worth = Decimal(trade.price) * Decimal(trade.quantity)
    return {
        "id": trade.trade_id,
        "price": trade.price,
        "qty": trade.quantity,
        "quoteQty": f"{worth:.8f}",
        "time": trade.time_ms * 1000 if micros else trade.time_ms,
        "isBuyerMaker": trade.side == "sell",
        "isBestMatch": True,
    }


def aggregate(trade: Trade, micros: bool) -> dict[str, object]:
    """Return a row of `aggTrades`; here each trade is an aggregate of its own."""
    return {
        "a": trade.trade_id,
        "p": trade.price,
        "q": trade.quantity,
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time_ms * 1000 if micros else trade.time_ms,
        "m": trade.side == "sell",
        "M": True,
    }


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
