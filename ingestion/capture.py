"""The one loop: frames of an exchange in, messages for Kafka out, for ever."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol

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
from ingestion.reading import Reading, Relay
from schemas.trade import Trade

log = structlog.get_logger()


class Outlet(Protocol):
    """Where messages go: see `ingestion.publisher.Publisher`."""

    @property
    def waiting(self) -> int:
        """How many messages are not acknowledged."""

    def packed(self, trade: Trade) -> tuple[bytes, bytes]:
        """Return key and value of a trade's message."""

    async def publish(self, key: bytes, value: bytes) -> None:
        """Take a trade; waits while there is no room."""

    async def reject(self, frame: Frame, why: FrameRejected, source: str) -> None:
        """Take a frame that nobody could read."""

    def serve(self) -> None:
        """Run what there is to report; raise if a message was refused for good."""


@dataclass(slots=True)
class Tally:
    """What one capture has done since it began."""

    frames: int = 0
    trades: int = 0
    rejected: int = 0
    connections: int = 0
    stalls: int = 0
    refused: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Heard:
    """What came of one symbol since capture began."""

    since: float
    """On the loop's clock, as `at`."""
    at: float
    trades: int = 0
    last_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One exchange's capture: everything that it needs is given."""

    exchange: Exchange
    ws_url: str
    symbols: tuple[str, ...]
    instruments: Mapping[str, Instrument]
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
    """By our symbol, as trades have it."""
    relays: dict[tuple[str, ...], Relay] = field(default_factory=dict)
    """By the native symbols that one connection carries."""
    dice: random.Random = field(default_factory=random.Random)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`, as many symbols on a connection as the exchange allows.

        Raises:
            DeliveryFailed: Kafka refused a message for good.
        """
        now = asyncio.get_running_loop().time()
        for native in self.symbols:
            self.heard[self.instruments[native].symbol] = Heard(now, now)
        most = self.exchange.capabilities.max_streams
        for place in range(0, len(self.symbols), most):
            symbols = self.symbols[place : place + most]
            self.relays[symbols] = Relay(
                name=self.exchange.name,
                read=partial(self._read, symbols, stop),
                waits=partial(delays, self.retry_first, self.retry_most, self.dice),
                settled=self.retry_most,
                overlap=self.overlap,
            )
        running = [asyncio.create_task(each.run(stop)) for each in self.relays.values()]
        try:
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()

    def renew(self, native: str) -> None:
        """Open another connection for the symbols beside this one, and leave theirs."""
        for symbols, relay in self.relays.items():
            if native in symbols:
                relay.current.ending.set()

    async def _read(
        self, symbols: tuple[str, ...], stop: asyncio.Event, reading: Reading
    ) -> None:
        url = self.exchange.url(self.ws_url, symbols)
        allowed = self.silence_allowed
        async with connection(
            self.exchange, url, symbols, allowed, stop, reading.left
        ) as opened:
            self.tally.connections += 1
            log.info(
                "connected",
                exchange=self.exchange.name,
                url=url,
                symbols=" ".join(symbols),
            )
            loop = asyncio.get_running_loop()
            life = self.max_life
            old = life and loop.call_later(life.total_seconds(), reading.ending.set)
            try:
                async for frame in opened.frames():
                    reading.heard.set()
                    await self._carry(frame, url, reading)
            finally:
                if old:
                    old.cancel()

    async def _carry(self, frame: Frame, url: str, reading: Reading) -> None:
        self.tally.frames += 1
        try:
            # Whole, or not at all: a frame is never published in part.
            trades = list(self.exchange.parse(frame, self.instruments))
            messages = [self.outlet.packed(trade) for trade in trades]
        except FrameRejected as rejection:
            self.tally.rejected += 1
            await self.outlet.reject(frame, rejection, url)
            log.warning(
                "frame_rejected", exchange=self.exchange.name, why=str(rejection)
            )
        except StreamEnding as notice:
            log.info("stream_ending", exchange=self.exchange.name, why=str(notice))
            reading.ending.set()
        except SymbolRefused as refusal:
            self.tally.refused.add(str(refusal))
            log.error(
                "symbol_refused",
                exchange=self.exchange.name,
                why=str(refusal),
                remedy=f"correct BULLION_{self.exchange.name.upper()}_SYMBOLS",
            )
        else:
            for key, value in messages:
                await self.outlet.publish(key, value)
            self.tally.trades += len(messages)
            self._note(trades)

    def _note(self, trades: Sequence[Trade]) -> None:
        now = asyncio.get_running_loop().time()
        for trade in trades:
            heard = self.heard.get(trade.symbol)
            if heard is not None:
                heard.at, heard.last_id = now, trade.trade_id
                heard.trades += 1


async def serve(outlet: Outlet) -> None:
    """Hear what Kafka reports, ten times a second, whether or not frames come."""
    while True:
        outlet.serve()
        await asyncio.sleep(0.1)


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
        )
        before = tally.trades
