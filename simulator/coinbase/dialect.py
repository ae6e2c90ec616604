"""All that the simulator asks of Coinbase."""

from collections.abc import Iterator

from aiohttp import web

from simulator.coinbase import frames
from simulator.coinbase.markets import MARKETS
from simulator.coinbase.rest import Rest
from simulator.coinbase.stream import handler
from simulator.feed import Group
from simulator.hub import Connection, Hub
from simulator.pace import Pace
from simulator.trade import Trade


class Coinbase:
    """Matches and heartbeats, one trade a frame."""

    markets = MARKETS
    recordings = ("", "")

    def texts(self, connection: Connection, groups: list[Group]) -> list[str]:
        return frames.texts(connection, groups)

    def frame(self, trades: Group) -> str:
        return frames.match("match", trades[0])

    def routes(self, hub: Hub, pace: Pace) -> Iterator[web.RouteDef]:
        yield web.get("/coinbase", handler(hub, pace))
        yield from Rest(hub.feed, pace, hub.disorder.time_ns).routes("/coinbase")

    def read(self, text: str) -> tuple[list[Trade], list[int]]:
        raise ValueError("nothing is known of recordings of Coinbase")
