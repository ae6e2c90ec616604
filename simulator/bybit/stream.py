"""Bybit's public stream: replies and trades, and an end for who is mute."""

import asyncio
import time
from uuid import uuid4

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from simulator.bybit.requests import answer
from simulator.hub import Connection, Hub
from simulator.pace import Pace


def handler(hub: Hub, pace: Pace) -> Handler:
    """Return the handler of `/v5/public/spot`."""

    async def stream(request: web.Request) -> web.StreamResponse:
        hub.disorder.greet()
        ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=2**20)
        await ws.prepare(request)
        connection = hub.open(request, ws)
        beside = [
            asyncio.create_task(connection.send_all()),
            asyncio.create_task(cut_the_mute(connection, pace)),
        ]
        try:
            await listen(connection, str(uuid4()), hub)
        finally:
            hub.close(connection)
            for task in beside:
                task.cancel()
        return ws

    return stream


async def listen(connection: Connection, ident: str, hub: Hub) -> None:
    """Answer the client until the connection ends."""
    async for message in connection.ws:
        match message.type:
            case _ if connection.muted:
                continue
            case WSMsgType.TEXT:
                connection.heard = time.monotonic()
                reply = answer(hub, connection, ident, message.data)
                await connection.tell([reply])
            case WSMsgType.PING:
                await connection.ws.pong(message.data)
            case WSMsgType.PONG:
                connection.ponged(bytes(message.data))
            case _:
                await connection.ws.close(code=1003)


async def cut_the_mute(connection: Connection, pace: Pace) -> None:
    """Close a connection that asked for nothing, not even by a ping, for too long."""
    while (quiet := time.monotonic() - connection.heard) < pace.idle_for:
        await asyncio.sleep(pace.idle_for - quiet)
    await connection.ws.close(code=1000, message=b"no ping")
