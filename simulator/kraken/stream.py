"""Kraken WebSocket v2: status first, replies, and a heartbeat while nothing flows."""

import asyncio
import random
import time

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from simulator.hub import Connection, Hub
from simulator.kraken.frames import compact
from simulator.kraken.requests import answers
from simulator.pace import Pace

HEARTBEAT = '{"channel":"heartbeat"}'


def status() -> str:
    """Return the first frame of a connection; its id may exceed 2^63."""
    about = {
        "version": "2.0.10",
        "system": "online",
        "api_version": "v2",
        "connection_id": 2**63 + random.getrandbits(62),
        "upcoming_maintenance": [],
        "emergency": [],
    }
    return compact({"channel": "status", "type": "update", "data": [about]})


def handler(hub: Hub, pace: Pace) -> Handler:
    """Return the handler of `/v2`."""

    async def stream(request: web.Request) -> web.StreamResponse:
        hub.disorder.greet()
        ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=2**20)
        await ws.prepare(request)
        connection = hub.open(request, ws)
        await connection.tell([status()])
        beside = [
            asyncio.create_task(connection.send_all()),
            asyncio.create_task(beat(connection, pace)),
        ]
        try:
            await listen(connection, hub)
        finally:
            hub.close(connection)
            for task in beside:
                task.cancel()
        return ws

    return stream


async def listen(connection: Connection, hub: Hub) -> None:
    """Answer the client until the connection ends."""
    async for message in connection.ws:
        connection.heard = time.monotonic()
        match message.type:
            case _ if connection.muted:
                continue
            case WSMsgType.TEXT:
                await connection.tell(answers(hub, connection, message.data))
            case WSMsgType.PING:
                await connection.ws.pong(message.data)
            case WSMsgType.PONG:
                connection.ponged(bytes(message.data))
            case _:
                await connection.ws.close(code=1003)


async def beat(connection: Connection, pace: Pace) -> None:
    """Send a heartbeat while nothing flows; close who neither asks nor listens."""
    while True:
        now = time.monotonic()
        quiet = now - connection.told
        if quiet >= pace.heartbeat_every:
            await connection.tell([HEARTBEAT])
            quiet = 0
        if not connection.follows and now - connection.heard > pace.idle_for:
            await connection.ws.close(code=1000, message=b"inactivity")
            return
        await asyncio.sleep(pace.heartbeat_every - quiet)
