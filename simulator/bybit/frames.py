"""Bybit frames: what trades look like on a stream and in a REST row."""

import json
from itertools import groupby

from simulator.feed import Group
from simulator.hub import Connection
from simulator.trade import Trade

LARGEST = 1024
"""Trades of a frame."""
SIDES = {"buy": "Buy", "sell": "Sell"}


def item(trade: Trade) -> str:
    """Return one trade of a frame's data; trades of one ms share a `seq`."""
    return (
        f'{{"i":"{trade.trade_id}","T":{trade.time_ms},"p":"{trade.price}",'
        f'"v":"{trimmed(trade.quantity)}","S":"{SIDES[trade.side]}",'
        f'"seq":{trade.time_ms},"s":"{trade.symbol}","BT":false,"RPI":false}}'
    )


def trimmed(digits: str) -> str:
    """Return a number without zeros that say nothing."""
    return digits.rstrip("0").rstrip(".")


def frame(trades: Group) -> str:
    """Return the frame of some trades of one symbol."""
    data = ",".join(map(item, trades))
    last = trades[-1]
    return (
        f'{{"topic":"publicTrade.{last.symbol}","ts":{last.published_ms},'
        f'"type":"snapshot","data":[{data}]}}'
    )


def texts(connection: Connection, groups: list[Group]) -> list[str]:
    """Return the frames that a connection is told of these trades.

    The trades of a group share one, or as many as there are symbols, or too many.
    """
    follows = connection.follows
    told = []
    for group in groups:
        mine = [t for t in group if t.trade_id > follows.get(t.symbol, t.trade_id)]
        # The sort is stable: a symbol's trades stay in order.
        mine.sort(key=lambda trade: trade.symbol)
        for _, trades in groupby(mine, key=lambda trade: trade.symbol):
            whole = list(trades)
            cuts = range(0, len(whole), LARGEST)
            told += [frame(whole[cut : cut + LARGEST]) for cut in cuts]
    return told


def row(trade: Trade) -> dict[str, object]:
    """Return a row of `recent-trade`."""
    return {
        "execId": str(trade.trade_id),
        "symbol": trade.symbol,
        "price": trade.price,
        "size": trimmed(trade.quantity),
        "side": SIDES[trade.side],
        "time": str(trade.time_ms),
        "isBlockTrade": False,
        "isRPITrade": False,
    }


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
