"""A simulator on a free port, and clients that speak to it over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from simulator.feeds import feeds
from simulator.pace import Pace
from simulator.server import Server
from tests.simulator.tiny import FRAMES

QUICK = Pace(heartbeat_every=0.2, save_every=0.05, settle=0)


class Served:
    """A running simulator as its clients see it."""

    def __init__(self, server: Server, http: ClientSession) -> None:
        self.server = server
        self.http = http

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @asynccontextmanager
    async def ws(
        self, path: str, *asked: object, autoping: bool = True
    ) -> AsyncIterator[ClientWebSocketResponse]:
        async with self.http.ws_connect(self.url + path, autoping=autoping) as ws:
            for request in asked:
                await ws.send_str(json.dumps(request))
            yield ws

    async def get(self, path: str, **query: object) -> Any:
        said = {name: str(value) for name, value in query.items()}
        async with self.http.get(self.url + path, params=said) as answer:
            return json.loads(await answer.text(), parse_float=str)

    async def order(self, path: str, **order: object) -> Any:
        async with self.http.post(f"{self.url}/control/{path}", json=order) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def truth(self, exchange: str, **query: object) -> list[dict[str, Any]]:
        said = {name: str(value) for name, value in query.items()}
        url = f"{self.url}/control/truth/{exchange}"
        async with self.http.get(url, params=said) as answer:
            return [json.loads(line) for line in (await answer.text()).splitlines()]


@asynccontextmanager
async def served(
    feed: str = "simulated",
    *,
    state: Path | None = None,
    pace: Pace = QUICK,
    rate: float | None = 400,
    seed: int | None = 7,
    speed: str = "full",
    retime: bool = False,
    exchanges: Sequence[str] = (),
) -> AsyncIterator[Served]:
    """Serve until the block ends, and end as SIGTERM would."""
    found = feeds(
        feed,
        state=state,
        rate=rate,
        seed=seed,
        speed=speed,
        retime=retime,
        exchanges=exchanges,
    )
    server = Server(found, pace, 0)
    await server.start()
    try:
        async with ClientSession() as http:
            yield Served(server, http)
    finally:
        await server.stop()


async def frames(ws: ClientWebSocketResponse, count: int) -> list[str]:
    """Return the next frames, text only, within ten seconds."""
    found: list[str] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            message = await ws.receive()
            assert message.type == WSMsgType.TEXT, message
            found.append(message.data)
    return found


async def trades(ws: ClientWebSocketResponse, count: int) -> list[dict[str, Any]]:
    """Return the data of the next trade frames; JSON numbers stay text."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        (text,) = await frames(ws, 1)
        frame = json.loads(text, parse_float=str)
        match frame:
            case {"stream": _, "data": data}:
                found.append(data)
            case {"channel": "trade", "data": list(data)}:
                found += [one | {"type": frame["type"]} for one in data]
    return found


async def acknowledge(ws: ClientWebSocketResponse) -> None:
    """Read on until nothing comes: this client answers pings only while it reads."""
    with suppress(TimeoutError):
        while True:
            await ws.receive(timeout=0.1)


def subscribe(*symbols: str, snapshot: bool = False) -> dict[str, object]:
    """Return Kraken's request for trades."""
    params = {"channel": "trade", "symbol": list(symbols), "snapshot": snapshot}
    return {"method": "subscribe", "params": params}


BINANCE = "/binance/stream?streams=btcusdt@trade"
KRAKEN = "/kraken/v2"
TINY = len(FRAMES)
