"""What an exchange lists changes: symbols come and go while capture runs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from ingestion.capture import Capture
from ingestion.catalogue import NothingToCapture, chosen
from ingestion.exchange import Instrument

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listings:
    """Reads the catalogue again now and then, and has capture follow it."""

    capture: Capture
    wanted: Sequence[str]
    """Native names, patterns, or `all`."""
    fetch: Callable[[], Awaitable[Mapping[str, Instrument]]]
    """Returns the catalogue by native name."""
    every: timedelta

    async def follow(self) -> None:
        """Follow the catalogue, for ever."""
        while True:
            await asyncio.sleep(self.every.total_seconds())
            self.take(await self.fetch())

    def take(self, catalogue: Mapping[str, Instrument]) -> None:
        """Capture what was listed since, and expect nothing of what is gone.

        Instruments that are gone stay known: their last trades may still be on the way.
        """
        capture = self.capture
        if not catalogue:
            return
        capture.instruments.update(catalogue)
        name = capture.exchange.name
        try:
            now = chosen(name, self.wanted, catalogue)
        except NothingToCapture as none:
            log.error("nothing_listed", exchange=name, why=str(none))
            return
        new = tuple(native for native in now if native not in capture.heard)
        gone = [native for native in capture.heard if native not in now]
        if new:
            log.info("listed", exchange=name, symbols=" ".join(new))
            capture.add(new)
        if gone:
            log.warning("no_longer_listed", exchange=name, symbols=" ".join(gone))
            capture.leave(gone)
