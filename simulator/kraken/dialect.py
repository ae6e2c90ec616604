"""All that the simulator asks of Kraken."""

import json
from collections.abc import Iterator
from decimal import Decimal

from aiohttp import web

from simulator.feed import Group
from simulator.hub import Connection, Hub
from simulator.kraken import frames
from simulator.kraken.markets import MARKETS
from simulator.kraken.pairs import pair_named
from simulator.kraken.rest import Rest, busy
from simulator.kraken.stream import handler
from simulator.pace import Pace
from simulator.trade import Trade

SIDES = {"b": "buy", "s": "sell"}
ORDERS = {"m": "market", "l": "limit"}


class Kraken:
    """WebSocket v2, several trades a frame."""

    markets = MARKETS
    recordings = ("*.json*", "a page of REST trades")

    def texts(self, connection: Connection, groups: list[Group]) -> list[str]:
        return frames.texts(connection, groups)

    def frame(self, trades: Group) -> str:
        return frames.frame("update", trades)

    def routes(self, hub: Hub, pace: Pace) -> Iterator[web.RouteDef]:
        hub.busy = busy
        yield web.get("/kraken/v2", handler(hub, pace))
        yield from Rest(hub.feed, hub.disorder.time_ns).routes("/kraken/0/public")

    def read(self, text: str) -> tuple[list[Trade], list[int]]:
        """Return the trades of a REST page; the time keeps every digit it has."""
        result = json.loads(text, parse_float=Decimal)["result"]
        ((name, rows),) = ((key, rows) for key, rows in result.items() if key != "last")
        symbol = pair_named(name).symbol
        trades = [
            Trade(
                symbol,
                row[6],
                row[0],
                row[1],
                int(row[2] * 10**9),
                SIDES[row[3]],
                ORDERS[row[4]],
            )
            for row in rows
        ]
        return trades, [one.time_ns for one in trades]
