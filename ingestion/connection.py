"""One WebSocket, from its opening to its end, as a stream of frames."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from ingestion.catalogue import is_local
from ingestion.exchange import Exchange, Frame
from ingestion.publisher import LARGEST_FRAME

log = structlog.get_logger()


class Connection:
    """Frames of one socket. It watches that they come, and says what must be said."""

    def __init__(self, socket: ClientConnection, silence_allowed: timedelta) -> None:
        self._socket = socket
        self._silence_allowed = silence_allowed.total_seconds()
        self._clock = asyncio.get_running_loop().time
        self._listening_since: float | None = None
        self.fell_silent = False

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield frames until the socket closes, those received before it included."""
        while True:
            self._listening_since = self._clock()
            try:
                payload = await self._socket.recv(decode=False)
            except ConnectionClosed as closed:
                log.info("connection_closed", why=str(closed))
                if closed.sent and closed.sent.code == CloseCode.MESSAGE_TOO_BIG:
                    say_too_large()
                return
            # Whoever is not listening cannot complain of silence.
            self._listening_since = None
            yield Frame(payload, datetime.now(UTC))

    async def say(self, messages: Iterable[bytes], per_second: int) -> None:
        """Send messages no faster; if the other end is gone, `frames` will tell."""
        try:
            for place, message in enumerate(messages):
                if place:
                    await asyncio.sleep(1 / per_second)
                await self._socket.send(message, text=True)
        except ConnectionClosed as closed:
            log.info("connection_closed", why=str(closed))

    async def watch(self) -> None:
        """Close the socket when it has brought nothing for too long."""
        while True:
            await asyncio.sleep(min(1.0, self._silence_allowed / 4))
            since = self._listening_since
            if since is not None and self._clock() - since > self._silence_allowed:
                log.warning("stream_silent", for_s=round(self._clock() - since, 1))
                self.fell_silent = True
                await self._socket.close()
                return

    async def keep_alive(self, payload: bytes, every: timedelta) -> None:
        """Send what keeps the exchange from closing the connection."""
        while True:
            await asyncio.sleep(every.total_seconds())
            try:
                await self._socket.send(payload, text=True)
            except ConnectionClosed:
                return

    async def close_when(self, told: asyncio.Event) -> None:
        """Stop reading on request; what was received by then is still yielded."""
        await told.wait()
        await self._socket.close()


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
        OSError, WebSocketException, TimeoutError: it could not be opened.
    """
    async with connect(
        url,
        max_size=LARGEST_FRAME,
        compression=None,
        # A laptop that waits for Kafka reads no pongs: be patient with ourselves.
        ping_interval=20,
        ping_timeout=60,
        open_timeout=15,
        close_timeout=2,
        proxy=None if is_local(url) else True,
    ) as socket:
        opened = Connection(socket, silence_allowed)
        subscriptions = exchange.subscriptions(symbols)
        await opened.say(subscriptions, exchange.capabilities.sends_per_second)
        tasks = [
            asyncio.create_task(opened.watch()),
            *(asyncio.create_task(opened.close_when(end)) for end in ends),
        ]
        if (alive := exchange.keepalive) is not None:
            keeping = opened.keep_alive(alive.payload, alive.every)
            tasks.append(asyncio.create_task(keeping))
        try:
            yield opened
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
