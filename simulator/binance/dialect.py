"""All that the simulator asks of Binance."""

import json
from collections.abc import Iterator

from aiohttp import web

from simulator.binance import frames
from simulator.binance.archive import Archive
from simulator.binance.markets import MARKETS
from simulator.binance.rest import Rest
from simulator.binance.stream import farewell, handler
from simulator.feed import Group
from simulator.hub import Connection, Hub
from simulator.pace import Pace
from simulator.trade import Trade


class Binance:
    """Combined streams, one trade a frame."""

    markets = MARKETS
    recordings = ("*.jsonl*", "lines `<ns> <frame>`")

    def texts(self, connection: Connection, groups: list[Group]) -> list[str]:
        return frames.texts(connection, groups)

    def frame(self, trades: Group) -> str:
        return frames.frame(trades[0])

    def routes(self, hub: Hub, pace: Pace) -> Iterator[web.RouteDef]:
        stream = handler(hub, pace)
        hub.farewell = farewell
        for path in ("/stream", "/ws", "/ws/{streams:.+}"):
            yield web.get(f"/binance{path}", stream)
        yield from Rest(hub.feed, pace, hub.disorder.time_ns).routes("/binance/api/v3")
        yield from Archive(hub.feed).routes("/binance")

    def read(self, text: str) -> tuple[list[Trade], list[int]]:
        """Return the trades of recorded frames; the text of each is kept as it is."""
        trades, received = [], []
        for line in text.splitlines():
            stamp, _, frame = line.partition(" ")
            data = json.loads(frame)["data"]
            received.append(int(stamp))
            trades.append(
                Trade(
                    data["s"],
                    data["t"],
                    data["p"],
                    data["q"],
                    data["T"] * 1_000_000,
                    "sell" if data["m"] else "buy",
                    "limit",
                    data["E"],
                    frame,
                )
            )
        return trades, received
