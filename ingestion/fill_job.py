"""A fill as a process: all holes of all exchanges, for as long as it may take."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from ingestion.exchange import load
from ingestion.fill import Answer, Filler, Hole, by_symbol
from ingestion.rest import opened
from ingestion.settings import Place, Settings
from ingestion.way import NoWay, way


async def fill(
    holes: Sequence[Hole],
    settings: Settings,
    env: Mapping[str, str],
    lasts: timedelta,
) -> list[Answer]:
    """Ask every exchange for its holes; return the answers, once Kafka has the trades.

    Raises:
        LookupError: a hole names an exchange that has no folder.
        DeliveryFailed: Kafka did not take all of them; nothing may be said of a fill.
    """
    mine: dict[str, list[Hole]] = defaultdict(list)
    for hole in holes:
        mine[hole.exchange.lower()].append(hole)
    told = await asyncio.gather(
        *(fill_one(name, some, settings, env, lasts) for name, some in mine.items())
    )
    return [answer for answers in told for answer in answers]


async def fill_one(
    name: str,
    holes: Sequence[Hole],
    settings: Settings,
    env: Mapping[str, str],
    lasts: timedelta,
) -> list[Answer]:
    """Ask one exchange."""
    exchange = load(name)
    place = Place.read(env, exchange)
    if exchange.fill is None:
        return [
            Answer.to(each, f"{name} has no REST for past trades") for each in holes
        ]
    until = time.monotonic() + lasts.total_seconds()
    limits = settings.limits / f"{name}.json"
    try:
        async with (
            way(exchange, place, settings, lasts) as open_way,
            opened(exchange.fill, place.rest_url, limits) as rest,
        ):
            filler = Filler(
                exchange=exchange,
                rest=rest,
                instruments=by_symbol(open_way.catalogue, place.symbols),
                outlet=open_way.publisher,
                until=until,
            )
            return await filler.answers(holes)
    except NoWay as why:
        return [Answer.to(each, str(why)) for each in holes]
