"""The one loop: frames of an exchange in, messages for Kafka out, for ever."""

import asyncio
import math
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from ingestion.backoff import delays
from ingestion.connection import connection
from ingestion.exchange import (
    Exchange,
    Frame,
    FrameRejected,
    Instrument,
    StreamEnding,
    SymbolRefused,
)
from ingestion.histogram import Histogram
from ingestion.outlet import Outlet
from ingestion.reading import Because, Reading, Relay
from schemas.trade import CONNECTION, Trade

log = structlog.get_logger()
HEARD_EVERY = 0.02
"""Seconds between two looks at what Kafka acknowledged: how exactly that is timed."""
TIMED_EVERY = 0.001
"""Seconds between two trades whose way to us is timed: in a burst not each of them."""
REMEMBERED = 500_000
"""Ids of a symbol that wait for a sweep at most; forgotten ones are sent twice."""


@dataclass(slots=True)
class Tally:
    """What one capture has done since it began."""

    frames: int = 0
    trades: int = 0
    rejections: dict[str, int] = field(default_factory=dict)
    """Frames that nobody could read, by the reason."""
    received: Histogram = field(default_factory=Histogram)
    """From a trade's time at the exchange to its receipt, without replays."""
    timed_from: float = 0.0
    """When the next one is counted, on the loop's clock."""
    connections: int = 0
    open: int = 0
    reconnects: dict[str, int] = field(default_factory=dict)
    """Connections that followed another, by what was wrong with that one."""
    stalls: int = 0
    swept: int = 0
    """Trades that REST was seen to have."""
    omitted: int = 0
    """Those of them that no stream had brought."""
    refused: dict[str, str] = field(default_factory=dict)
    """What the exchange said, by the native symbol that it will not serve."""

    @property
    def rejected(self) -> int:
        """Frames that nobody could read."""
        return sum(self.rejections.values())

    def opened(self, because: Because) -> None:
        """Count a connection."""
        self.connections += 1
        self.open += 1
        if because != "start":
            self.reconnects[because] = self.reconnects.get(because, 0) + 1

    def reject(self, reason: str) -> None:
        """Count a frame that nobody could read."""
        self.rejections[reason] = self.rejections.get(reason, 0) + 1


@dataclass(slots=True)
class Heard:
    """What came of one symbol since capture began."""

    since: float
    """On the loop's clock, as `at`."""
    at: float
    trades: int = 0
    last_id: str = ""
    ids: set[str] = field(default_factory=set)
    """Those since the last sweep, where the exchange is swept."""
    asked: float = math.inf
    """When the newest connection that carries it was opened."""
    proved: float = -math.inf
    """When the exchange confirmed it, or REST had nothing that it should have sent."""
    doubted: float = -math.inf
    """When REST had a trade that the newest connection should have brought."""

    @property
    def confirmed(self) -> bool:
        """Whether the newest connection is known to serve it."""
        spoke = self.at if self.trades else -math.inf
        return max(spoke, self.proved) >= self.asked

    def remember(self, trade_id: str) -> None:
        """Keep an id for the next sweep; what REST does not answer for is forgotten."""
        if len(self.ids) >= REMEMBERED:
            self.ids.clear()
        self.ids.add(trade_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One exchange's capture: everything that it needs is given."""

    exchange: Exchange
    ws_url: str
    symbols: tuple[str, ...]
    """Native names; those that are listed later come with `add`."""
    instruments: dict[str, Instrument]
    outlet: Outlet
    silence_allowed: timedelta
    retry_first: timedelta
    retry_most: timedelta
    overlap: timedelta = timedelta(seconds=3)
    """How long a connection is read on beside the one that follows it."""
    max_life: timedelta | None = None
    """Age at which a connection is followed by the next; `None` is never."""
    tally: Tally = field(default_factory=Tally)
    heard: dict[str, Heard] = field(default_factory=dict)
    """By native name: of all that is captured now."""
    added: asyncio.Queue[tuple[str, ...]] = field(default_factory=asyncio.Queue)
    """Native names that wait to be read, since they were listed."""
    relays: list[tuple[tuple[str, ...], Relay]] = field(default_factory=list)
    """Each with the native symbols that one connection carries."""
    dice: random.Random = field(default_factory=random.Random)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`, as many symbols on a connection as the exchange allows.

        Raises:
            DeliveryFailed: Kafka refused a message for good.
        """
        running = set(self._relayed(self.symbols, stop))
        stopping = asyncio.create_task(stop.wait())
        listed = asyncio.create_task(self.added.get())
        try:
            while not stop.is_set():
                waited: set[asyncio.Task[Any]] = {*running, listed, stopping}
                done, _ = await asyncio.wait(
                    waited, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done & running:
                    running.discard(task)
                    task.result()
                if listed in done:
                    running |= set(self._relayed(listed.result(), stop))
                    listed = asyncio.create_task(self.added.get())
            await asyncio.gather(*running)
        finally:
            for task in (stopping, listed, *running):
                task.cancel()

    def add(self, symbols: tuple[str, ...]) -> None:
        """Read these too: they were listed since."""
        self.added.put_nowait(symbols)

    def leave(self, natives: Collection[str]) -> None:
        """Expect nothing of these any more: they are no longer listed."""
        for native in natives:
            self.heard.pop(native, None)

    def _relayed(
        self, symbols: tuple[str, ...], stop: asyncio.Event
    ) -> Iterator[asyncio.Task[None]]:
        now = asyncio.get_running_loop().time()
        for native in symbols:
            self.heard[native] = Heard(now, now)
        can = self.exchange.capabilities
        for place in range(0, len(symbols), can.max_streams):
            some = symbols[place : place + can.max_streams]
            for _ in range(can.copies):
                relay = Relay(
                    name=self.exchange.name,
                    read=partial(self._read, some, stop),
                    waits=partial(delays, self.retry_first, self.retry_most, self.dice),
                    settled=self.retry_most,
                    overlap=self.overlap,
                )
                self.relays.append((some, relay))
                yield asyncio.create_task(relay.run(stop))

    def renew(self, native: str) -> None:
        """Open another connection for the symbols beside this one, and leave theirs."""
        for symbols, relay in self.relays:
            if native in symbols:
                relay.current.end("stall")

    async def _read(
        self, symbols: tuple[str, ...], stop: asyncio.Event, reading: Reading
    ) -> None:
        url = self.exchange.url(self.ws_url, symbols)
        allowed = self.silence_allowed
        async with connection(
            self.exchange, url, symbols, allowed, stop, reading.left
        ) as opened:
            self.tally.opened(reading.because)
            reading.open(datetime.now(UTC))
            loop = asyncio.get_running_loop()
            for native in self.heard.keys() & set(symbols):
                self.heard[native].asked = loop.time()
            log.info(
                "connected",
                exchange=self.exchange.name,
                url=url,
                symbols=" ".join(symbols),
            )
            life = self.max_life
            old = life and loop.call_later(life.total_seconds(), reading.end, "age")
            try:
                async for frame in opened.frames():
                    reading.heard.set()
                    await self._carry(frame, url, reading, loop.time)
            finally:
                self.tally.open -= 1
                if old:
                    old.cancel()
                if opened.fell_silent:
                    reading.why = "silence"

    async def _carry(
        self, frame: Frame, url: str, reading: Reading, clock: Callable[[], float]
    ) -> None:
        self.tally.frames += 1
        try:
            # Whole, or not at all: a frame is never published in part.
            trades = list(self.exchange.parse(frame, self.instruments))
            came_by = reading.name
            for trade in trades:
                trade.vendor_data[CONNECTION] = came_by
            messages = [self.outlet.packed(trade) for trade in trades]
        except FrameRejected as rejection:
            self.tally.reject(rejection.error_reason)
            reading.reject()
            await self.outlet.reject(frame, rejection, url)
            log.warning(
                "frame_rejected", exchange=self.exchange.name, why=str(rejection)
            )
        except StreamEnding as notice:
            log.info("stream_ending", exchange=self.exchange.name, why=str(notice))
            reading.end("notice")
        except SymbolRefused as refusal:
            self._refused(refusal)
        else:
            if not trades and (confirms := self.exchange.capabilities.confirms):
                self._confirmed(confirms(frame.payload))
            for key, value in messages:
                await self.outlet.publish(key, value)
            self.tally.trades += len(messages)
            self._note(trades, reading.opened_at, clock())

    def _confirmed(self, natives: Collection[str]) -> None:
        now = asyncio.get_running_loop().time()
        for native in natives:
            self.tally.refused.pop(native, None)
            if heard := self.heard.get(native):
                heard.proved = now

    def _refused(self, refusal: SymbolRefused) -> None:
        native, why = refusal.native or str(refusal), str(refusal)
        if self.tally.refused.get(native) == why:
            return
        self.tally.refused[native] = why
        log.error(
            "symbol_refused",
            exchange=self.exchange.name,
            why=why,
            remedy=f"correct BULLION_{self.exchange.name.upper()}_SYMBOLS",
        )

    def _note(self, trades: Sequence[Trade], opened_at: datetime, now: float) -> None:
        if trades and now >= self.tally.timed_from:
            self._time(trades[-1], opened_at, now)
        for trade in trades:
            heard = self.heard.get(trade.vendor_data["native_symbol"])
            if heard is not None:
                heard.at, heard.last_id = now, trade.trade_id
                heard.trades += 1
                if self.exchange.capabilities.sweep:
                    heard.remember(trade.trade_id)

    def _time(self, trade: Trade, opened_at: datetime, now: float) -> None:
        # What happened before the connection was opened is a replay.
        if trade.timestamp > opened_at:
            took = trade.ingestion_timestamp - trade.timestamp
            self.tally.received.count(took.total_seconds())
            self.tally.timed_from = now + TIMED_EVERY


async def serve(outlet: Outlet) -> None:
    """Hear what Kafka reports now and then, whether or not frames come."""
    while True:
        outlet.serve()
        await asyncio.sleep(HEARD_EVERY)


async def tell(capture: Capture, every: timedelta) -> None:
    """Log one line with the counts, now and then."""
    before = 0
    while True:
        await asyncio.sleep(every.total_seconds())
        tally = capture.tally
        log.info(
            "progress",
            exchange=capture.exchange.name,
            frames=tally.frames,
            trades=tally.trades,
            per_s=round((tally.trades - before) / every.total_seconds(), 1),
            rejected=tally.rejected,
            refused=len(tally.refused),
            waiting=capture.outlet.waiting,
            connections=tally.connections,
            stalls=tally.stalls,
            **({"swept": tally.swept, "omitted": tally.omitted} if tally.swept else {}),
        )
        before = tally.trades
