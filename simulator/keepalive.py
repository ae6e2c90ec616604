"""Keeping a WebSocket alive from the server's side, and ending those that died."""

import asyncio
import time

import structlog
from aiohttp import ClientConnectionError

from simulator.hub import Connection
from simulator.pace import Pace

log = structlog.get_logger()


async def ping(connection: Connection, pace: Pace) -> None:
    """Ping with a payload now and then; cut who has not answered in time."""
    while True:
        await asyncio.sleep(pace.ping_every)
        payload = str(time.time_ns() // 1_000_000).encode()
        connection.pinged[payload] = time.monotonic()
        try:
            await connection.ws.ping(payload)
        except ClientConnectionError:
            return
        oldest = min(connection.pinged.values())
        if time.monotonic() - oldest + pace.ping_every > pace.pong_within:
            asyncio.get_running_loop().call_later(
                max(0.0, pace.pong_within - (time.monotonic() - oldest)),
                cut_unless_answered,
                connection,
                oldest,
            )


def cut_unless_answered(connection: Connection, pinged_at: float) -> None:
    if pinged_at in connection.pinged.values():
        log.warning("no_pong_cut")
        connection.abort()


def answered(connection: Connection, payload: bytes) -> None:
    """Note an answer: it counts for its ping and for all before it."""
    at = connection.pinged.get(payload)
    if at is not None:
        connection.pinged = {
            key: then for key, then in connection.pinged.items() if then > at
        }
