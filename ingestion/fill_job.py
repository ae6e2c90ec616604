"""A fill as a process: all holes of all exchanges, for as long as it may take."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from ingestion.backoff import delays
from ingestion.capture import serve
from ingestion.catalogue import fetch_catalogue
from ingestion.exchange import load
from ingestion.fill import Answer, Filler, Hole, by_symbol
from ingestion.publisher import DeliveryFailed, Publisher, producer_settings
from ingestion.registry import ids_when_there
from ingestion.rest import opened
from ingestion.settings import Place, Settings
from schemas.topic import REJECTED, TRADES


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
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(lasts.total_seconds(), stop.set)
    topics = (TRADES, REJECTED)
    waits = delays(settings.retry_first, settings.retry_most, random.Random())
    ids = await ids_when_there(settings.registry_url, name, topics, waits, stop)
    catalogue = await fetch_catalogue(exchange, place.rest_url, waits, stop)
    if not ids or not catalogue:
        why = "the registry" if not ids else "the catalogue"
        return [Answer.to(each, f"{why} did not answer in time") for each in holes]
    sent = producer_settings(settings.kafka_servers, settings.queue_messages)
    publisher = Publisher(name, sent, *ids)
    serving = asyncio.create_task(serve(publisher))
    limits = settings.limits / f"{name}.json"
    async with opened(exchange.fill, place.rest_url, limits) as rest:
        filler = Filler(
            exchange=exchange,
            rest=rest,
            instruments=by_symbol(catalogue, place.symbols),
            outlet=publisher,
            until=until,
        )
        answers = await filler.answers(holes)
    serving.cancel()
    left = await publisher.flush(settings.flush_allowed)
    publisher.serve()
    if left:
        raise DeliveryFailed(
            f"Kafka did not acknowledge {left} trades of a fill: the next one asks for "
            "them again. Is Kafka up?"
        )
    return answers
