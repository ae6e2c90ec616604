"""How many trades an exchange's files have of a day: counted, and nothing published.

A file is read as a stream and thrown away; what stays of it are three numbers.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import structlog
from msgspec import Struct

from ingestion.backfill import FileSource, span_of
from ingestion.backfill_job import PUBLISHED_WITHIN
from ingestion.backoff import delays
from ingestion.catalogue import NothingToCapture, chosen, fetch_catalogue
from ingestion.exchange import Archive, ArchiveUnreadable, Exchange, Instrument, load
from ingestion.fetch import NoSuchFile, NotFetched, fetched
from ingestion.settings import Place, Settings

log = structlog.get_logger()
PATIENCE = 120.0
"""Seconds that the catalogue is waited for."""


class SymbolTally(Struct):
    """What the archive has of one symbol's day."""

    symbol: str
    trades: int = 0
    first_id: int | None = None
    last_id: int | None = None
    error: str = ""
    """Why there is nothing to compare with."""


class Tally(Struct):
    """What the archive has of one exchange's day."""

    exchange: str
    day: str
    symbols: list[SymbolTally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """One exchange, and where its files come to lie for a while."""

    exchange: Exchange
    place: Place
    settings: Settings

    async def tally(self, days: list[date]) -> list[Tally]:
        """Count each captured symbol's trades of these days.

        An exchange without files, or one that does not answer, is told as an error
        of its symbols: that is nothing that was found out about gold.
        """
        archive = self.exchange.archive
        name = self.exchange.name.upper()
        if archive is None:
            return [Tally(name, day.isoformat(), []) for day in days]
        try:
            instruments = await self.instruments()
        except NothingToCapture as why:
            told = SymbolTally("", error=str(why))
            return [Tally(name, day.isoformat(), [told]) for day in days]
        return [
            Tally(
                name,
                day.isoformat(),
                [await self.of_symbol(archive, one, day) for one in instruments],
            )
            for day in days
        ]

    async def instruments(self) -> list[Instrument]:
        """Return what is captured of the exchange.

        Raises:
            NothingToCapture: no catalogue came, or it lists nothing of that.
        """
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(PATIENCE, stop.set)
        waits = delays(
            self.settings.retry_first, self.settings.retry_most, random.Random()
        )
        url = self.place.rest_url
        catalogue = await fetch_catalogue(self.exchange, url, waits, stop)
        if not catalogue:
            raise NothingToCapture(f"no catalogue came in time from {url}")
        names = chosen(self.exchange.name, self.place.symbols, catalogue)
        return [catalogue[native] for native in names]

    async def of_symbol(
        self, archive: Archive, instrument: Instrument, day: date
    ) -> SymbolTally:
        """Count what the file of one symbol and day has."""
        told = SymbolTally(instrument.symbol)
        paths = (
            archive.path(instrument, day),
            archive.checksum_path(instrument, day),
        )
        try:
            at = self.place.archive_url
            file, checksum = await fetched(archive, at, paths, self.folder(day))
            await self.count(file, archive, instrument, told)
            log.info("tally", day=str(day), sha256=checksum, trades=told.trades)
        except NoSuchFile as missing:
            young = datetime.now(UTC) - span_of(day)[1] < PUBLISHED_WITHIN
            told.error = f"{missing}; " + (
                "it is published the day after: ask again later" if young else "none"
            )
        except (NotFetched, ArchiveUnreadable) as why:
            told.error = str(why)
        return told

    def folder(self, day: date) -> Path:
        """Return where files lie: not where a backfill has its own."""
        name = self.exchange.name
        return self.settings.backfill / "tally" / name / day.isoformat()

    async def count(
        self, file: Path, archive: Archive, instrument: Instrument, told: SymbolTally
    ) -> None:
        source = FileSource(
            name=file.name, file=file, archive=archive, instrument=instrument
        )
        try:
            async for batch in source.batches("", -1):
                ids = [int(trade.trade_id) for trade in batch.trades]
                told.trades += len(ids)
                told.first_id = min([*ids, told.first_id or ids[0]])
                told.last_id = max([*ids, told.last_id or ids[0]])
        finally:
            file.unlink()


async def tally(
    names: list[str], days: list[date], settings: Settings, env: Mapping[str, str]
) -> list[Tally]:
    """Count the files of some exchanges, one exchange after another.

    Raises:
        LookupError: one of them has no folder.
    """
    found = []
    for name in names:
        exchange = load(name)
        place = Place.read(env, exchange)
        counting = Counting(exchange=exchange, place=place, settings=settings)
        found += await counting.tally(days)
    return found
