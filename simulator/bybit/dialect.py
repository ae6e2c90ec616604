"""All that the simulator asks of Bybit."""

from collections.abc import Iterator

from aiohttp import web

from simulator.bybit import frames
from simulator.bybit.markets import MARKETS
from simulator.bybit.rest import Rest, busy
from simulator.bybit.stream import handler
from simulator.feed import Group
from simulator.hub import Connection, Hub
from simulator.pace import Pace
from simulator.trade import Trade


class Bybit:
    """Public trades, those of one symbol and moment in a frame."""

    markets = MARKETS
    recordings = ("", "")

    def texts(self, connection: Connection, groups: list[Group]) -> list[str]:
        return frames.texts(connection, groups)

    def frame(self, trades: Group) -> str:
        return frames.frame(trades)

    def routes(self, hub: Hub, pace: Pace) -> Iterator[web.RouteDef]:
        hub.busy = busy
        yield web.get("/bybit/v5/public/spot", handler(hub, pace))
        yield from Rest(hub.feed, hub.disorder.time_ns).routes("/bybit/v5/market")

    def read(self, text: str) -> tuple[list[Trade], list[int]]:
        raise ValueError("nothing is known of recordings of Bybit")
