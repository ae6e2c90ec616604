"""What a job needs to send trades: schema ids, a catalogue, and a way into Kafka."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from ingestion.backoff import delays
from ingestion.capture import serve
from ingestion.catalogue import fetch_catalogue
from ingestion.exchange import Exchange, Instrument
from ingestion.publisher import DeliveryFailed, Publisher, producer_settings
from ingestion.registry import ids_when_there
from ingestion.settings import Place, Settings
from schemas.topic import REJECTED, TRADES


class NoWay(Exception):
    """Something that a job cannot do without did not answer; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Open for the time of one job."""

    catalogue: Mapping[str, Instrument]
    """By native name."""
    publisher: Publisher
    flush_allowed: timedelta

    async def acknowledged(self) -> None:
        """Return once Kafka has all that was published.

        Raises:
            DeliveryFailed: it does not take all of it in time.
        """
        left = await self.publisher.flush(self.flush_allowed)
        self.publisher.serve()
        if left:
            raise DeliveryFailed(
                f"Kafka did not acknowledge {left} trades: they are sent again by the "
                "next run. Is Kafka up?"
            )


@asynccontextmanager
async def way(
    exchange: Exchange, place: Place, settings: Settings, patience: timedelta
) -> AsyncIterator[Way]:
    """Open the way of one exchange's trades; at the end Kafka has acknowledged all.

    Raises:
        NoWay: the registry or the exchange did not answer within `patience`.
        DeliveryFailed: Kafka did not take all of it.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(patience.total_seconds(), stop.set)
    topics = (TRADES, REJECTED)
    waits = delays(settings.retry_first, settings.retry_most, random.Random())
    url = settings.registry_url
    ids = await ids_when_there(url, exchange.name, topics, waits, stop)
    if not ids:
        raise NoWay(f"the registry did not answer in time at {url}")
    catalogue = await fetch_catalogue(exchange, place.rest_url, waits, stop)
    if not catalogue:
        raise NoWay(f"the catalogue did not answer in time at {place.rest_url}")
    sent = producer_settings(settings.kafka_servers, settings.queue_messages)
    publisher = Publisher(exchange.name, sent, *ids)
    serving = asyncio.create_task(serve(publisher))
    open_way = Way(
        catalogue=catalogue, publisher=publisher, flush_allowed=settings.flush_allowed
    )
    try:
        yield open_way
    finally:
        serving.cancel()
    await open_way.acknowledged()
