"""A day of the past, from an exchange's files or its REST, goes the way of all trades.

What gold holds is not sent again. How far a day has come is noted each time Kafka has
acknowledged all of it: whoever is killed in the middle goes on there.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Protocol

import structlog
from msgspec import DecodeError, Struct, json

from ingestion.exchange import Archive, Instrument
from ingestion.outlet import Outlet, sent
from ingestion.rest import Rest
from schemas.id_range import IdRange, without
from schemas.trade import Trade

log = structlog.get_logger()
AT_ONCE = 1000
"""Trades that are taken from a file before others get a turn."""
NOTED_EVERY = 20_000
"""Trades after which Kafka's acknowledgement is waited for, and the place noted."""
TOLD_EVERY = 10.0
"""Seconds between two lines that tell how far it is."""


class DayUnreadable(Exception):
    """What was asked for is no day, or one that is not over."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some trades of the day, ascending, and the place from which to go on."""

    trades: Sequence[Trade]
    place: str


class Source(Protocol):
    """Where the trades of one symbol and day come from."""

    @property
    def name(self) -> str:
        """The same name has the same trades in the same places."""

    def batches(self, place: str, last_id: int) -> AsyncIterator[Batch]:
        """Yield all that lies behind a place, and behind the last id that is known.

        An empty place is the start.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A file of past trades; a place counts its trades."""

    name: str
    file: Path
    archive: Archive
    instrument: Instrument

    async def batches(self, place: str, last_id: int) -> AsyncIterator[Batch]:
        done = int(place or 0)
        with self.file.open("rb") as packed:
            rows = self.archive.trades(packed, self.instrument, datetime.now(UTC))
            if done:
                await asyncio.to_thread(lambda: next(islice(rows, done - 1, done), 0))
            while trades := list(islice(rows, AT_ONCE)):
                done += len(trades)
                yield Batch(trades, str(done))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestSource:
    """Pages of REST from the day's first moment on; a place is its cursor."""

    rest: Rest
    instrument: Instrument
    day: date
    name: str = "rest"

    async def batches(self, place: str, last_id: int) -> AsyncIterator[Batch]:
        """Yield the day's trades, page by page.

        Raises:
            Unanswered: the exchange does not answer, or knows no time.
        """
        begin, end = span_of(self.day)
        cursor = place or self.rest.fill.since(begin)
        highest = last_id
        while cursor:
            request = self.rest.fill.request(self.instrument, cursor)
            page = await self.rest.page(request, self.instrument)
            # A page repeats what the one before ended with.
            fresh = [t for t in page.trades if int(t.trade_id) > highest]
            if not fresh:
                return
            highest = int(fresh[-1].trade_id)
            yield Batch([t for t in fresh if begin <= t.timestamp < end], page.after)
            if fresh[-1].timestamp >= end:
                return
            cursor = page.after


class SymbolDay(Struct, omit_defaults=True):
    """How far one symbol's day has come; noted until the whole day is there."""

    symbol: str
    source: str = ""
    place: str = ""
    """Where in the source to go on."""
    done: bool = False
    trades: int = 0
    """In the source, up to the place."""
    published: int = 0
    """The others were in gold."""
    skipped: int = 0
    """Ids that the source leaves out between its trades."""
    first_id: int | None = None
    last_id: int | None = None
    resumed_at: str = ""
    """The place from which the last run went on."""
    absent: bool = False
    """Whether the exchange has no such day of this symbol."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """Carries one symbol's day into Kafka."""

    symbol: str
    outlet: Outlet
    acknowledged: Callable[[], Awaitable[None]]
    """Returns once Kafka has all that was published."""
    held: Sequence[IdRange]
    """Ids that gold has, as `joined` gives them."""
    note: Path
    rate: float
    """Trades a second, at most."""
    noted_every: int = NOTED_EVERY

    async def carry(self, source: Source) -> SymbolDay:
        """Publish what gold lacks of a source, from the noted place on; tell of it.

        Raises:
            DeliveryFailed: Kafka did not take it; the next run goes on from the note.
        """
        at = self.noted()
        if at.done:
            return at
        if at.source != source.name:
            at = SymbolDay(self.symbol, source.name)
        at.resumed_at = at.place
        behind = -1 if at.last_id is None else at.last_id
        begun, before, unnoted, said = time.monotonic(), at.published, 0, 0.0
        async for batch in source.batches(at.place, behind):
            for trade in batch.trades:
                await self._one(trade, at)
            at.place = batch.place
            unnoted += len(batch.trades)
            if unnoted >= self.noted_every:
                await self._keep(at)
                unnoted = 0
            if time.monotonic() - said > TOLD_EVERY:
                said = time.monotonic()
                log.info("backfilling", symbol=self.symbol, **progress(at, batch))
            ahead = (at.published - before) / self.rate - (time.monotonic() - begun)
            # Files are read without a pause: others shall have their turn.
            await asyncio.sleep(max(0.0, ahead))
        at.done = True
        await self._keep(at)
        return at

    async def _one(self, trade: Trade, at: SymbolDay) -> None:
        number = int(trade.trade_id)
        if at.last_id is not None:
            at.skipped += max(0, number - at.last_id - 1)
        at.first_id = number if at.first_id is None else at.first_id
        at.last_id = max(number, at.last_id or number)
        at.trades += 1
        if not without((number, number), self.held):
            return
        at.published += await sent(trade, self.outlet, at.source)

    async def _keep(self, at: SymbolDay) -> None:
        await self.acknowledged()
        self.note.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.note.with_suffix(".new")
        fresh.write_bytes(json.encode(at))
        fresh.replace(self.note)

    def noted(self) -> SymbolDay:
        """Return how far this symbol's day has come."""
        try:
            return json.decode(self.note.read_bytes(), type=SymbolDay)
        except (FileNotFoundError, DecodeError):
            return SymbolDay(self.symbol)


def progress(at: SymbolDay, batch: Batch) -> Mapping[str, object]:
    """Return what a line of progress tells."""
    until = batch.trades[-1].timestamp.strftime("%H:%M:%S") if batch.trades else "-"
    return {"until": until, "trades": at.trades, "published": at.published}


def span_of(day: date) -> tuple[datetime, datetime]:
    """Return a UTC day's first moment and the next one's."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return begin, begin + timedelta(days=1)


def day_of(text: str) -> date:
    """Return a day that is over.

    Raises:
        DayUnreadable: it is none; the message says what one looks like.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise DayUnreadable(f"no day: {error}; expected such as 2026-11-26") from error
    if day >= datetime.now(UTC).date():
        raise DayUnreadable(
            f"{day} (UTC) is not over: what is missing of it, the DAG `completeness` "
            "fills by id"
        )
    return day
