"""The connections of one exchange, and the one pump that feeds them."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog
from aiohttp import ClientConnectionError, web

from simulator.disorder import Disarray, Disorder
from simulator.feed import Feed, Group

log = structlog.get_logger()
WAITING_READER = 4
SLOW_READER = 1024
MARK = b"read:"
MARK_TRADES = 256
MARK_S = 0.5
"""Batches that may lie before a connection: little where the feed waits for it."""


class Connection:
    """One WebSocket; all that it is told goes through one queue, in order."""

    def __init__(
        self,
        request: web.Request,
        ws: web.WebSocketResponse,
        room: int,
        disorder: Disorder,
    ):
        self.ws = ws
        self.follows: dict[str, int] = {}
        """The last id of each followed symbol that was told before."""
        self.micros = False
        self.wrapped = True
        self.pinged: dict[bytes, float] = {}
        self._transport = request.transport
        self._queue: asyncio.Queue[list[str | bytes]] = asyncio.Queue(room)
        self.queued = 0
        self.broken = False
        self.muted = False
        """Half open: the line is there, and nothing comes out of it."""
        self._disorder = disorder
        self.disarray = Disarray()
        self._read: list[tuple[float, int]] = [(0.0, 0)]
        self._asked, self._asked_at = 0, 0.0
        self.told = self.heard = time.monotonic()
        """When the last frame went out, and when the last came in."""

    async def tell(self, texts: Sequence[str | bytes]) -> None:
        """Queue the texts; waits while the reader is slow."""
        if texts:
            self.queued += len(texts)
            await self._queue.put(list(texts))

    def tell_now(self, texts: list[str]) -> None:
        """Queue the texts, or cut the connection of a reader that lags too far."""
        try:
            self._queue.put_nowait([*texts])
            self.queued += len(texts)
        except asyncio.QueueFull:
            log.warning("slow_reader_cut", queued=self.queued)
            self.abort()

    async def send_all(self) -> None:
        """Send what is queued until the connection ends."""
        while True:
            for text in await self._queue.get():
                self.queued -= 1
                while (wait := self._disorder.held_until - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                if not self.broken:
                    await self._send(text)

    async def _send(self, text: str | bytes) -> None:
        """Send a frame, or a mark; after the line broke, the queue only empties."""
        if self.muted:
            return
        try:
            if isinstance(text, bytes):
                await self.ws.ping(text)
            else:
                await self.ws.send_str(text)
                self.told = time.monotonic()
        except ClientConnectionError:
            self.broken = True

    def abort(self) -> None:
        """Cut the line without a closing handshake, as a 1006 looks to the client."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Cut the line so that the other end sees a reset, and no end."""
        if self._transport is not None:
            line = self._transport.get_extra_info("socket")
            line.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            self._transport.abort()

    def mark(self, position: int) -> None:
        """Begin to count what is read: all before this position is not ours."""
        self._read = [(0.0, position)]

    def due_mark(self, position: int, ended: bool) -> list[bytes]:
        """Return a ping that asks whether all up to here was read, now and then.

        A pong tells what the reader took from the line, which TCP does not.
        """
        now = time.monotonic()
        if position - self._asked < MARK_TRADES and now - self._asked_at < MARK_S:
            if not ended:
                return []
        self._asked, self._asked_at = position, now
        return [MARK + str(position).encode()]

    def ponged(self, payload: bytes) -> bool:
        """Note an answer to a mark; say whether it was one."""
        if not payload.startswith(MARK):
            return False
        self._read.append((time.monotonic(), int(payload.removeprefix(MARK))))
        return True

    @property
    def read(self) -> int:
        return self._read[-1][1]

    def read_before(self, moment: float) -> int:
        """Return the position that was read before this moment."""
        return max(
            (place for at, place in self._read if at <= moment),
            default=self._read[0][1],
        )


@dataclass(slots=True)
class Hub:
    """Everybody who listens to one exchange."""

    exchange: str
    feed: Feed
    texts: Callable[[Connection, list[Group]], list[str]]
    """The dialect: what a connection is told of these trades."""
    settle: float = 0
    """Seconds after which what a reader has read is taken for kept."""
    connections: set[Connection] = field(default_factory=set)
    opened: int = 0
    issued: int = 0
    followed: asyncio.Event = field(default_factory=asyncio.Event)
    disorder: Disorder = field(default_factory=Disorder)
    farewell: "Callable[[Connection], str] | None" = None
    """What the exchange says before it ends a connection, if it says anything."""
    busy: "Callable[[], web.Response] | None" = None
    """What REST says of too many requests, where that is not HTTP 429."""
    beside: set[asyncio.Task[None]] = field(default_factory=set)

    def open(self, request: web.Request, ws: web.WebSocketResponse) -> Connection:
        room = WAITING_READER if self.feed.waits else SLOW_READER
        connection = Connection(request, ws, room, self.disorder)
        self.connections.add(connection)
        self.opened += 1
        log.info("opened", exchange=self.exchange, open=len(self.connections))
        return connection

    def close(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._step_back(connection)
        self.note_followers()
        log.info("closed", exchange=self.exchange, open=len(self.connections))

    def follow(self, connection: Connection, symbols: Iterable[str]) -> list[str]:
        """Tell the connection all trades of the symbols that are issued from now on.

        Returns those that are followed: not what is unknown here, or to be ignored.
        """
        followed = []
        for symbol in symbols:
            if symbol in self.feed.symbols and not self.disorder.ignored():
                connection.follows[symbol] = self.feed.last(symbol)
                connection.mark(self.feed.position)
                followed.append(symbol)
        self.note_followers()
        return followed

    def newest(self, symbol: str, count: int) -> Group:
        """Return the newest trades, which a new subscription is told once more."""
        last = self.feed.last(symbol)
        return list(self.feed.trades(symbol, last - count + 1, last))

    def note_followers(self) -> None:
        if any(connection.follows for connection in self.connections):
            self.followed.set()
        else:
            self.followed.clear()

    async def pump(self) -> None:
        """Tell everybody what the feed issues, as long as it does."""
        async for groups in self.feed.batches(self.followed.wait):
            self.issued += sum(map(len, groups))
            groups = self.disorder.arranged(groups)
            for connection in list(self.connections):
                texts = self.texts(connection, groups) if connection.follows else []
                texts = connection.disarray.bent(texts)
                if texts and self.feed.waits:
                    ended = not self.feed.more
                    mark = connection.due_mark(self.feed.position, ended)
                    await self._tell_waiting(connection, [*texts, *mark])
                elif texts:
                    connection.tell_now(texts)
            if not self.feed.more:
                log.info("feed_ended", exchange=self.exchange, **self.feed.about())

    async def _tell_waiting(
        self, connection: Connection, texts: list[str | bytes]
    ) -> None:
        """Tell a connection at its own pace; it may end while we wait."""
        telling = asyncio.ensure_future(connection.tell(texts))
        while not telling.done() and connection in self.connections:
            await asyncio.wait([telling], timeout=0.2)
        if not telling.done():
            telling.cancel()

    def sure(self) -> int:
        """Return the position up to which every follower has read."""
        return min(
            (one.read for one in self.connections if one.follows),
            default=self.feed.position,
        )

    def _step_back(self, gone: Connection) -> None:
        """Let a recording go on where the last reader stopped reading.

        What it read just before it went may not have been kept; that comes again.
        """
        if gone.follows and not any(one.follows for one in self.connections):
            self.feed.resume(gone.read_before(time.monotonic() - self.settle))
