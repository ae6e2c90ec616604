"""The connections of one exchange, and the one pump that feeds them."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog
from aiohttp import ClientConnectionResetError, web

from simulator.feed import Feed, Group

log = structlog.get_logger()
WAITING_READER = 4
SLOW_READER = 1024
"""Batches that may lie before a connection: little where the feed waits for it."""


class Connection:
    """One WebSocket; all that it is told goes through one queue, in order."""

    def __init__(self, request: web.Request, ws: web.WebSocketResponse, room: int):
        self.ws = ws
        self.follows: dict[str, int] = {}
        """The last id of each followed symbol that was told before."""
        self.micros = False
        self.wrapped = True
        self.pinged: dict[bytes, float] = {}
        self._transport = request.transport
        self._queue: asyncio.Queue[list[str]] = asyncio.Queue(room)
        self.queued = 0
        self.told = self.heard = time.monotonic()
        """When the last frame went out, and when the last came in."""

    async def tell(self, texts: list[str]) -> None:
        """Queue the texts; waits while the reader is slow."""
        if texts:
            self.queued += len(texts)
            await self._queue.put(texts)

    def tell_now(self, texts: list[str]) -> None:
        """Queue the texts, or cut the connection of a reader that lags too far."""
        try:
            self._queue.put_nowait(texts)
            self.queued += len(texts)
        except asyncio.QueueFull:
            log.warning("slow_reader_cut", queued=self.queued)
            self.abort()

    async def send_all(self) -> None:
        """Send what is queued until the connection ends."""
        while True:
            for text in await self._queue.get():
                try:
                    await self.ws.send_str(text)
                except ClientConnectionResetError:
                    return
                self.queued -= 1
                self.told = time.monotonic()

    def abort(self) -> None:
        """Cut the line without a closing handshake, as a 1006 looks to the client."""
        if self._transport is not None:
            self._transport.abort()

    def buffered(self) -> int:
        """Return the bytes that have not left the process."""
        if self._transport is None or self._transport.is_closing():
            return 0
        size: int = self._transport.get_write_buffer_size()
        return size


@dataclass(slots=True)
class Hub:
    """Everybody who listens to one exchange."""

    exchange: str
    feed: Feed
    texts: Callable[[Connection, list[Group]], list[str]]
    """The dialect: what a connection is told of these trades."""
    connections: set[Connection] = field(default_factory=set)
    opened: int = 0
    issued: int = 0
    followed: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self, request: web.Request, ws: web.WebSocketResponse) -> Connection:
        room = WAITING_READER if self.feed.waits else SLOW_READER
        connection = Connection(request, ws, room)
        self.connections.add(connection)
        self.opened += 1
        log.info("opened", exchange=self.exchange, open=len(self.connections))
        return connection

    def close(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.note_followers()
        log.info("closed", exchange=self.exchange, open=len(self.connections))

    def follow(self, connection: Connection, symbols: Iterable[str]) -> None:
        """Tell the connection all trades of the symbols that are issued from now on."""
        for symbol in symbols:
            if symbol in self.feed.symbols:
                connection.follows[symbol] = self.feed.last(symbol)
        self.note_followers()

    def note_followers(self) -> None:
        if any(connection.follows for connection in self.connections):
            self.followed.set()
        else:
            self.followed.clear()

    async def pump(self) -> None:
        """Tell everybody what the feed issues, as long as it does."""
        async for groups in self.feed.batches(self.followed.wait):
            self.issued += sum(map(len, groups))
            for connection in list(self.connections):
                texts = self.texts(connection, groups) if connection.follows else []
                if texts and self.feed.waits:
                    await self._tell_waiting(connection, texts)
                elif texts:
                    connection.tell_now(texts)
        log.info("feed_ended", exchange=self.exchange, **self.feed.about())

    async def _tell_waiting(self, connection: Connection, texts: list[str]) -> None:
        """Tell a connection at its own pace; it may end while we wait."""
        telling = asyncio.ensure_future(connection.tell(texts))
        while not telling.done() and connection in self.connections:
            await asyncio.wait([telling], timeout=0.2)
        if not telling.done():
            telling.cancel()

    def unsent(self) -> int:
        """Return how many trades may still be in the house, rather too many."""
        shortest = 60
        return max(
            (
                connection.queued * self._trades_a_text()
                + connection.buffered() // shortest
                for connection in self.connections
            ),
            default=0,
        )

    def _trades_a_text(self) -> int:
        return 1 if self.exchange == "binance" else 1000
