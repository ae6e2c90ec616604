"""One WebSocket, from its opening to its end, as a stream of frames."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiohttp import (
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WebSocketError,
    WSCloseCode,
    WSMsgType,
)

from ingestion.catalogue import is_local
from ingestion.exchange import Exchange, Frame
from ingestion.publisher import LARGEST_FRAME

log = structlog.get_logger()
OPEN_WITHIN = 15.0
"""Seconds that an exchange may take to accept a connection."""
CLOSE_WITHIN = 2.0
"""Seconds that the other end may take to say goodbye too."""
ASKED_AFTER = 20.0
"""Seconds of nothing at all after which the other end is asked whether it is there."""
ANSWERED_WITHIN = 60.0
"""Seconds that it may take to answer."""
LOOKED_EVERY = 1.0
"""Seconds between two looks at whether anything comes, at most."""
FRAMES = (WSMsgType.TEXT, WSMsgType.BINARY)
GOODBYE = struct.pack(">H", WSCloseCode.OK)


class Connection:
    """Frames of one socket. It watches that they come, and says what must be said."""

    def __init__(
        self,
        session: ClientSession,
        socket: ClientWebSocketResponse[bool],
        silence_allowed: timedelta,
    ) -> None:
        self._session = session
        self._socket = socket
        self._silence_allowed = silence_allowed.total_seconds()
        self._clock = asyncio.get_running_loop().time
        self._listening_since: float | None = None
        self._heard_at = self._asked_at = self._clock()
        self.fell_silent = False

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield frames until the socket closes, those received before it included."""
        receive = self._socket.receive
        while True:
            self._listening_since = self._clock()
            while (message := await receive()).type not in FRAMES:
                if not await self._goes_on(message.type, message.data, message.extra):
                    return
            # Whoever is not listening cannot complain of silence.
            self._listening_since = None
            yield Frame(message.data, datetime.now(UTC))

    async def _goes_on(self, kind: WSMsgType, said: Any, reason: str | None) -> bool:
        """Heed a message that brings nothing; return whether others may follow."""
        self._heard_at = self._clock()
        match kind:
            case WSMsgType.PING:
                await self._send(said, WSMsgType.PONG)
                return True
            case WSMsgType.PONG:
                return True
            case WSMsgType.CLOSE:
                why = f"{said} {reason or ''}".strip()
            case WSMsgType.ERROR:
                why = str(said)
                if is_too_large(said):
                    say_too_large()
            case _:
                why = "the connection was lost"
        log.info("connection_closed", why=why)
        return False

    async def _send(self, payload: bytes, kind: WSMsgType) -> bool:
        """Send a message; return False if the other end is gone, as `frames` tells."""
        try:
            await self._socket.send_frame(payload, kind)
        except ConnectionError:
            return False
        return True

    async def say(self, messages: Iterable[bytes], per_second: int) -> None:
        """Send messages no faster; if the other end is gone, `frames` will tell."""
        for place, message in enumerate(messages):
            if place:
                await asyncio.sleep(1 / per_second)
            if not await self._send(message, WSMsgType.TEXT):
                return

    async def watch(self) -> None:
        """Close the socket when it has brought nothing for too long.

        Whether the other end is there at all is asked sooner: not all streams are
        lively, but an answer takes no time.
        """
        while True:
            await asyncio.sleep(min(LOOKED_EVERY, self._silence_allowed / 4))
            since, now = self._listening_since, self._clock()
            if since is None:
                continue
            nothing_for = now - max(since, self._heard_at)
            if now - since > self._silence_allowed:
                log.warning("stream_silent", for_s=round(now - since, 1))
                self.fell_silent = True
                return await self.close()
            if nothing_for > ASKED_AFTER + ANSWERED_WITHIN:
                log.warning("ping_not_answered", for_s=round(nothing_for, 1))
                return await self.close()
            if nothing_for > ASKED_AFTER and now - self._asked_at > ASKED_AFTER:
                self._asked_at = now
                await self._send(b"", WSMsgType.PING)

    async def keep_alive(self, payload: bytes, every: timedelta) -> None:
        """Send what keeps the exchange from closing the connection."""
        while True:
            await asyncio.sleep(every.total_seconds())
            if not await self._send(payload, WSMsgType.TEXT):
                return

    async def close_when(self, told: asyncio.Event) -> None:
        """Stop reading on request; what was received by then is still yielded."""
        await told.wait()
        await self.close()

    async def close(self) -> None:
        """Say goodbye, and hang up on who does not say it too.

        aiohttp's own `close` reads until the goodbye, and lets go of trades before it.
        """
        if await self._send(GOODBYE, WSMsgType.CLOSE):
            await asyncio.sleep(CLOSE_WITHIN)
        await self._session.close()


def is_too_large(error: object) -> bool:
    """Return whether a connection ended because a frame is not read at all."""
    return (
        isinstance(error, WebSocketError) and error.code == WSCloseCode.MESSAGE_TOO_BIG
    )


def say_too_large() -> None:
    """Tell of a frame that was not even received: it is the one that is not kept."""
    log.error(
        "frame_too_large",
        largest_mb=LARGEST_FRAME // 1024**2,
        what="it was not read, and the next connection is opened",
        remedy="if trades were in it, their ids are missing and asked for by REST",
    )


@asynccontextmanager
async def connection(
    exchange: Exchange,
    url: str,
    symbols: tuple[str, ...],
    silence_allowed: timedelta,
    *ends: asyncio.Event,
) -> AsyncIterator[Connection]:
    """Open a socket, subscribe, and look after it until it is left.

    Any of the events `ends` closes it.

    Raises:
        OSError, ClientError, TimeoutError: it could not be opened.
    """
    async with ClientSession(
        timeout=ClientTimeout(total=None), trust_env=not is_local(url)
    ) as session:
        async with asyncio.timeout(OPEN_WITHIN):
            socket = await session.ws_connect(
                # By this name HTTPS_PROXY and HTTP_PROXY are heeded.
                re.sub("^ws", "http", url),
                max_msg_size=LARGEST_FRAME,
                decode_text=False,
                # Pings are ours: who waits for Kafka reads no answers to them.
                autoping=False,
                autoclose=False,
                timeout=ClientWSTimeout(ws_close=CLOSE_WITHIN),
            )
        opened = Connection(session, socket, silence_allowed)
        tasks: list[asyncio.Task[None]] = []
        try:
            subscriptions = exchange.subscriptions(symbols)
            await opened.say(subscriptions, exchange.capabilities.sends_per_second)
            tasks += [
                asyncio.create_task(opened.watch()),
                *(asyncio.create_task(opened.close_when(end)) for end in ends),
            ]
            if (alive := exchange.keepalive) is not None:
                keeping = opened.keep_alive(alive.payload, alive.every)
                tasks.append(asyncio.create_task(keeping))
            yield opened
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await socket.close()
