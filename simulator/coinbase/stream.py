"""Coinbase's feed: who does not subscribe at once is cut; heartbeats for the rest."""

import asyncio
import time

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from simulator.coinbase.frames import heartbeat
from simulator.coinbase.requests import Subscriptions
from simulator.hub import Connection, Hub
from simulator.pace import Pace

SUBSCRIBED_WITHIN = 5.0
"""Seconds."""


def handler(hub: Hub, pace: Pace) -> Handler:
    """Return the handler of the feed."""

    async def stream(request: web.Request) -> web.StreamResponse:
        hub.disorder.greet()
        ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=2**20)
        await ws.prepare(request)
        connection = hub.open(request, ws)
        mine = Subscriptions()
        beside = [
            asyncio.create_task(connection.send_all()),
            asyncio.create_task(beat(connection, mine, hub, pace)),
            asyncio.create_task(cut_the_mute(connection, mine, pace)),
        ]
        try:
            await listen(connection, mine, hub)
        finally:
            hub.close(connection)
            for task in beside:
                task.cancel()
        return ws

    return stream


async def listen(connection: Connection, mine: Subscriptions, hub: Hub) -> None:
    """Answer the client until the connection ends."""
    async for message in connection.ws:
        connection.heard = time.monotonic()
        match message.type:
            case _ if connection.muted:
                continue
            case WSMsgType.TEXT:
                await connection.tell(mine.answers(hub, connection, message.data))
            case WSMsgType.PING:
                await connection.ws.pong(message.data)
            case WSMsgType.PONG:
                connection.ponged(bytes(message.data))
            case _:
                await connection.ws.close(code=1003)


async def cut_the_mute(connection: Connection, mine: Subscriptions, pace: Pace) -> None:
    """Close a connection that has not subscribed in time."""
    await asyncio.sleep(SUBSCRIBED_WITHIN * pace.scale)
    if not mine.asked:
        await connection.ws.close(code=1008, message=b"no subscribe message")


async def beat(
    connection: Connection, mine: Subscriptions, hub: Hub, pace: Pace
) -> None:
    """Send a heartbeat for each product now and then, whatever else flows."""
    while True:
        await asyncio.sleep(pace.heartbeat_every)
        now = time.time_ns() // 1000
        products = list(mine.channels["heartbeat"])
        await connection.tell([heartbeat(p, hub.feed.last(p), now) for p in products])
