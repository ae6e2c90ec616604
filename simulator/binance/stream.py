"""Binance WebSocket endpoints: `/stream?streams=a/b` and `/ws/<stream>`."""

import asyncio
import time
from collections import deque

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from simulator.binance.frames import compact
from simulator.binance.requests import Streams
from simulator.hub import Connection, Hub
from simulator.keepalive import answered, ping
from simulator.pace import Pace

NOTICE = 5.0
"""Seconds between the shutdown event and the end of a connection's life."""


class Budget:
    """The messages that a client sent within the last second, pongs included."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.times: deque[float] = deque()

    def exceeded(self) -> bool:
        now = time.monotonic()
        self.times.append(now)
        while self.times[0] <= now - 1:
            self.times.popleft()
        return len(self.times) > self.limit


def handler(hub: Hub, pace: Pace) -> Handler:
    """Return the handler of both endpoints."""

    async def stream(request: web.Request) -> web.StreamResponse:
        hub.disorder.greet()
        ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=2**20)
        await ws.prepare(request)
        connection = hub.open(request, ws)
        connection.wrapped = request.path.endswith("/stream")
        unit = request.query.get("timeUnit", "").upper()
        connection.micros = unit == "MICROSECOND"
        streams = Streams(limit=pace.streams, names=dict.fromkeys(named(request)))
        followed = sorted(streams.symbols())
        if followed and hub.disorder.refused():
            # Taken silently, and never told a trade: an ack proves nothing here.
            followed.pop()
        hub.follow(connection, followed)
        beside = [
            asyncio.create_task(connection.send_all()),
            asyncio.create_task(ping(connection, pace)),
            asyncio.create_task(end_of_life(connection, pace)),
        ]
        try:
            await listen(connection, streams, hub, pace)
        finally:
            hub.close(connection)
            for task in beside:
                task.cancel()
        return ws

    return stream


def named(request: web.Request) -> list[str]:
    names = request.match_info.get("streams") or request.query.get("streams", "")
    return [name for name in names.split("/") if name]


async def listen(
    connection: Connection, streams: Streams, hub: Hub, pace: Pace
) -> None:
    """Answer the client until the connection ends."""
    budget = Budget(pace.messages_per_second)
    async for message in connection.ws:
        # The simulator's own marks are no messages of the client's choosing.
        ours = message.type == WSMsgType.PONG and connection.ponged(message.data)
        if ours:
            continue
        if budget.exceeded():
            await connection.ws.close(code=1008, message=b"Too many requests")
            return
        match message.type:
            case _ if connection.muted:
                continue
            case WSMsgType.TEXT:
                answer = streams.answer(message.data)
                wanted = streams.symbols()
                for symbol in set(connection.follows) - wanted:
                    del connection.follows[symbol]
                hub.follow(connection, wanted - set(connection.follows))
                await connection.tell([answer])
            case WSMsgType.PING:
                await connection.ws.pong(message.data)
            case WSMsgType.PONG:
                answered(connection, bytes(message.data))
            case _:
                await connection.ws.close(code=1003)


async def end_of_life(connection: Connection, pace: Pace) -> None:
    """Announce the end of a connection that has lived its day, then close it."""
    notice = min(NOTICE, pace.life / 2)
    await asyncio.sleep(pace.life - notice)
    await connection.tell([farewell(connection)])
    await asyncio.sleep(notice)
    await connection.ws.close(code=1001)


def farewell(connection: Connection) -> str:
    """Return the event before the end."""
    event = {"e": "serverShutdown", "E": time.time_ns() // 1_000_000}
    wrapped = {"stream": "!serverShutdown", "data": event}
    return compact(wrapped if connection.wrapped else event)
