"""A backfill as a process: one exchange, one day, each of its symbols in turn."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import structlog
from msgspec import Struct, ValidationError, json
from msgspec.structs import asdict

from ingestion.backfill import (
    Carrier,
    DayUnreadable,
    FileSource,
    RestSource,
    SymbolDay,
    span_of,
)
from ingestion.catalogue import chosen
from ingestion.exchange import Archive, ArchiveUnreadable, Exchange, Instrument
from ingestion.fetch import NoSuchFile, NotFetched, fetched
from ingestion.line import Unanswered
from ingestion.rest import Rest, opened
from ingestion.settings import Place, Settings
from ingestion.way import way
from schemas.id_range import IdRange, joined

log = structlog.get_logger()
PATIENCE = timedelta(minutes=2)
PUBLISHED_WITHIN = timedelta(days=2)
"""How long after a day has ended its file may still be to come."""


class Report(Struct):
    """What became of a day."""

    exchange: str
    day: str
    published: int
    symbols: list[SymbolDay]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One exchange's day, and all that is needed to bring it."""

    exchange: Exchange
    day: date
    place: Place
    settings: Settings
    held: Mapping[str, Sequence[IdRange]]
    """By our symbol, the ids that gold has."""
    only_held: bool = False
    """Whether symbols that `held` does not name are left out."""

    @property
    def folder(self) -> Path:
        """Where this day's files and notes lie while it is brought."""
        return self.settings.backfill / self.exchange.name / self.day.isoformat()

    async def bring(self) -> Report:
        """Bring every symbol of the day that is captured; tell of each.

        Raises:
            NoWay, DeliveryFailed: registry, catalogue or Kafka are away.
            NothingToCapture: no symbol wanted is listed.
        """
        limits = self.settings.limits / f"{self.exchange.name}.json"
        symbols = []
        fill = self.exchange.fill
        begin, _ = span_of(self.day)
        if fill is None or not (self.exchange.archive or fill.since(begin)):
            raise DayUnreadable(
                f"{self.exchange.name} has neither files of past days nor REST for them"
            )
        async with (
            way(self.exchange, self.place, self.settings, PATIENCE) as open_way,
            opened(fill, self.place.rest_url, limits) as rest,
        ):
            catalogue = open_way.catalogue
            for native in chosen(self.exchange.name, self.place.symbols, catalogue):
                instrument = catalogue[native]
                if self.only_held and instrument.symbol not in self.held:
                    continue
                carrier = Carrier(
                    symbol=instrument.symbol,
                    outlet=open_way.publisher,
                    acknowledged=open_way.acknowledged,
                    held=joined(self.held.get(instrument.symbol, ())),
                    note=self.folder / f"{instrument.symbol}.json",
                    rate=self.settings.backfill_rate,
                )
                told = await self.bring_one(instrument, carrier, rest)
                symbols.append(told)
                log.info("day_of_symbol", day=str(self.day), **asdict(told))
        if not any(each.error for each in symbols):
            # Who asks for the day again, asks for all of it.
            shutil.rmtree(self.folder, ignore_errors=True)
        published = sum(each.published for each in symbols)
        name = self.exchange.name.upper()
        return Report(name, self.day.isoformat(), published, symbols)

    async def bring_one(
        self, instrument: Instrument, carrier: Carrier, rest: Rest
    ) -> SymbolDay:
        """Bring one symbol's day, from the file of that day where there are files."""
        at = carrier.noted()
        if at.done:
            return at
        try:
            if self.exchange.archive is None:
                source = RestSource(rest=rest, instrument=instrument, day=self.day)
                return await carrier.carry(source)
            file, checksum = await self.fetched(self.exchange.archive, instrument)
            told = await carrier.carry(
                FileSource(
                    name=f"{file.name} sha256:{checksum}",
                    file=file,
                    archive=self.exchange.archive,
                    instrument=instrument,
                )
            )
            file.unlink()
            return told
        except NoSuchFile as missing:
            if datetime.now(UTC) - span_of(self.day)[1] < PUBLISHED_WITHIN:
                at.error = f"{missing}; it is published the day after: ask later"
            else:
                at.absent = True
        except (Unanswered, NotFetched, ArchiveUnreadable) as why:
            at.error = str(why)
        return at

    async def fetched(
        self, archive: Archive, instrument: Instrument
    ) -> tuple[Path, str]:
        """Return the file of a symbol's day, and its checksum."""
        paths = (
            archive.path(instrument, self.day),
            archive.checksum_path(instrument, self.day),
        )
        return await fetched(archive, self.place.archive_url, paths, self.folder)


def held_in(file: str) -> Mapping[str, Sequence[IdRange]]:
    """Return the ids that gold holds, by symbol, as a file tells them.

    Raises:
        DayUnreadable: the message shows what such a file looks like.
    """
    try:
        told = Path(file).read_bytes()
        return json.decode(told, type=dict[str, list[tuple[int, int]]])
    except (OSError, ValidationError, ValueError) as error:
        raise DayUnreadable(
            f'--held {file}: {error}; expected JSON such as {{"BTCUSD": [[4, 6]]}}'
        ) from error


def incomplete(report: Report) -> str:
    """Return what is not there of the day, and what to do; empty if all is."""
    wrong = [each for each in report.symbols if each.error]
    if not wrong:
        return ""
    said = "; ".join(f"{each.symbol}: {each.error}" for each in wrong)
    return (
        f"{report.day} of {report.exchange} is not complete: {said}. What is in Kafka "
        "is not sent again: run it once more"
    )
