"""Kraken v2 frames; prices and quantities are JSON numbers with fixed decimals."""

import json
from datetime import UTC, datetime, timedelta

from simulator.feed import Group
from simulator.hub import Connection
from simulator.kraken.pairs import pair_named
from simulator.trade import Trade

ZERO = datetime(1970, 1, 1, tzinfo=UTC)
PADDING = 5
LETTERS = {"buy": "b", "sell": "s", "market": "m", "limit": "l"}


def rfc3339(time_us: int) -> str:
    """Return the time in UTC with exactly six decimals."""
    moment = ZERO + timedelta(microseconds=time_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_us % 1_000_000:06d}Z"


def item(trade: Trade) -> str:
    """Return one trade of a frame's data; the numbers are written, not computed."""
    return (
        f'{{"symbol":"{trade.symbol}","side":"{trade.side}","price":{trade.price},'
        f'"qty":{trade.quantity},"ord_type":"{trade.order}",'
        f'"trade_id":{trade.trade_id},"timestamp":"{rfc3339(trade.time_us)}"}}'
    )


def frame(kind: str, trades: Group) -> str:
    data = ",".join(item(trade) for trade in trades)
    return f'{{"channel":"trade","type":"{kind}","data":[{data}]}}'


def texts(connection: Connection, groups: list[Group]) -> list[str]:
    """Return the frames that a connection is told of these trades, one a group."""
    follows = connection.follows
    told = (
        [one for one in group if one.trade_id > follows.get(one.symbol, one.trade_id)]
        for group in groups
    )
    return [frame("update", trades) for trades in told if trades]


def row(trade: Trade) -> str:
    """Return a row of REST `Trades`; the time is a double, as Kraken prints it."""
    whole, _, part = trade.price.partition(".")
    seconds = repr(trade.time_ns / 10**9)
    return (
        f'["{whole}.{part:0<{PADDING}}","{trade.quantity}",{seconds},'
        f'"{LETTERS[trade.side]}","{LETTERS[trade.order]}","",{trade.trade_id}]'
    )


def instruments(symbols: tuple[str, ...]) -> str:
    """Return the snapshot of the `instrument` channel."""
    pairs = [
        {
            "symbol": symbol,
            "base": symbol.partition("/")[0],
            "quote": symbol.partition("/")[2],
            "status": "online",
            "price_precision": pair_named(symbol).decimals,
            "qty_precision": 8,
        }
        for symbol in symbols
    ]
    return compact(
        {
            "channel": "instrument",
            "type": "snapshot",
            "data": {"assets": [], "pairs": pairs},
        }
    )


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
