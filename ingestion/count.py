"""How many trades an exchange has, where ids do not tell: what REST has is counted.

What is counted lies between the oldest and the newest trade of an answer, both left
out: others of the same moment may be on the next page. Gold is compared later, when the
lanes have carried what came meanwhile.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Self

from msgspec import Struct

from ingestion.backoff import delays
from ingestion.catalogue import NothingToCapture, chosen, fetch_catalogue
from ingestion.exchange import Exchange, Instrument, Page, load
from ingestion.line import Unanswered
from ingestion.rest import Rest, opened
from ingestion.settings import Place, Settings

AT_ONCE = 20
"""Symbols of one exchange that are asked in one run; drawn anew each time."""
REACH = timedelta(minutes=2)
"""How far back a page begins where REST can be asked for a time."""


class Count(Struct):
    """Trades of one symbol in one span of time, as REST has them."""

    exchange: str
    symbol: str
    asked_at: datetime
    since: datetime | None = None
    """After this moment; `None` where there is nothing to compare."""
    until: datetime | None = None
    """Before this moment."""
    trades: int = 0
    error: str = ""
    """What the exchange did in place of answering."""

    @classmethod
    def of(cls, page: Page, exchange: str, instrument: Instrument) -> Self:
        """Return what a page of newest trades says."""
        told = cls(exchange.upper(), instrument.symbol, datetime.now(UTC))
        times = [trade.timestamp for trade in page.trades]
        if times and min(times) < max(times):
            told.since, told.until = min(times), max(times)
            told.trades = sum(told.since < each < told.until for each in times)
        return told


async def count(
    exchanges: Sequence[str],
    settings: Settings,
    env: Mapping[str, str],
    lasts: timedelta,
) -> list[Count]:
    """Ask exchanges for the newest trades of their symbols; return the counts.

    Raises:
        LookupError: one of them has no folder.
    """
    told = await asyncio.gather(
        *(count_one(load(name), settings, env, lasts) for name in exchanges)
    )
    return [each for some in told for each in some]


async def count_one(
    exchange: Exchange, settings: Settings, env: Mapping[str, str], lasts: timedelta
) -> list[Count]:
    """Ask one exchange."""
    place, stop = Place.read(env, exchange), asyncio.Event()
    asyncio.get_running_loop().call_later(lasts.total_seconds(), stop.set)
    waits = delays(settings.retry_first, settings.retry_most, random.Random())
    catalogue = await fetch_catalogue(exchange, place.rest_url, waits, stop)
    if exchange.fill is None:
        return []
    try:
        if not catalogue:
            raise NothingToCapture(f"no catalogue came in time from {place.rest_url}")
        names = chosen(exchange.name, place.symbols, catalogue)
    except NothingToCapture as why:
        return [Count(exchange.name.upper(), "", datetime.now(UTC), error=str(why))]
    some = random.sample(names, min(AT_ONCE, len(names)))
    limits = settings.limits / f"{exchange.name}.json"
    async with opened(exchange.fill, place.rest_url, limits) as rest:
        return [
            await count_symbol(exchange, rest, catalogue[native])
            for native in some
            if not stop.is_set()
        ]


async def count_symbol(exchange: Exchange, rest: Rest, instrument: Instrument) -> Count:
    """Count what REST has of one symbol since REACH ago, or as its newest."""
    cursor = rest.fill.since(datetime.now(UTC) - REACH)
    if cursor is None:
        request = rest.fill.newest(instrument)
    else:
        request = rest.fill.request(instrument, cursor)
    try:
        page = await rest.page(request, instrument)
    except Unanswered as why:
        name, now = exchange.name.upper(), datetime.now(UTC)
        return Count(name, instrument.symbol, now, error=str(why))
    return Count.of(page, exchange.name, instrument)
