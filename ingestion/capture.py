"""The one loop: frames of an exchange in, messages for Kafka out, for ever."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog
from websockets.exceptions import WebSocketException

from ingestion.backoff import delays
from ingestion.catalogue import sleep_unless
from ingestion.connection import Connection, connection
from ingestion.exchange import (
    Exchange,
    Frame,
    FrameRejected,
    Instrument,
    StreamBroken,
    SymbolRefused,
)
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
    refused: set[str] = field(default_factory=set)


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
    tally: Tally = field(default_factory=Tally)
    dice: random.Random = field(default_factory=random.Random)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`, over as many connections as it takes.

        Raises:
            DeliveryFailed: Kafka refused a message for good.
        """
        clock = asyncio.get_running_loop().time
        url = self.exchange.url(self.ws_url, self.symbols)
        waits = delays(self.retry_first, self.retry_most, self.dice)
        while not stop.is_set():
            began = clock()
            try:
                await self._read(url, stop)
            except (StreamBroken, WebSocketException, OSError, TimeoutError) as why:
                log.warning("stream_broken", exchange=self.exchange.name, why=str(why))
            if clock() - began > self.retry_most.total_seconds():
                # It held: what ended it is another trouble, and begins anew.
                waits = delays(self.retry_first, self.retry_most, self.dice)
            if not stop.is_set():
                wait = next(waits)
                log.info(
                    "reconnecting", exchange=self.exchange.name, in_s=f"{wait:.1f}"
                )
                await sleep_unless(stop, wait)

    async def _read(self, url: str, stop: asyncio.Event) -> None:
        async with connection(
            self.exchange, url, self.symbols, self.silence_allowed, stop
        ) as opened:
            self.tally.connections += 1
            log.info(
                "connected",
                exchange=self.exchange.name,
                url=url,
                symbols=" ".join(self.symbols),
            )
            await self._carry(opened, url)

    async def _carry(self, opened: Connection, url: str) -> None:
        async for frame in opened.frames():
            self.tally.frames += 1
            try:
                # Whole, or not at all: a frame is never published in part.
                messages = [
                    self.outlet.packed(trade)
                    for trade in self.exchange.parse(frame, self.instruments)
                ]
            except FrameRejected as rejection:
                self.tally.rejected += 1
                await self.outlet.reject(frame, rejection, url)
                log.warning(
                    "frame_rejected", exchange=self.exchange.name, why=str(rejection)
                )
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
        )
        before = tally.trades
