"""A capture as a process: waits for what it needs, runs, leaves nothing behind."""

import asyncio
import random
import signal
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from functools import partial

import structlog

from ingestion.acks import AckWatch
from ingestion.backoff import delays
from ingestion.capture import Capture, serve, tell
from ingestion.catalogue import chosen, fetch_catalogue
from ingestion.clock import ClockWatch
from ingestion.exchange import Exchange
from ingestion.exporter import Exporter, served
from ingestion.line import SPARING, Line, line_to
from ingestion.listings import Listings
from ingestion.publisher import Publisher, producer_settings
from ingestion.registry import ids_when_there
from ingestion.rest import Rest
from ingestion.settings import Place, Settings
from ingestion.stall import StallWatch
from ingestion.sweep import Sweeper
from schemas.topic import REJECTED, TRADES

log = structlog.get_logger()


async def capture_until_told(
    exchange: Exchange, place: Place, settings: Settings
) -> int:
    """Capture one exchange until SIGTERM or SIGINT; return the exit code.

    Raises:
        NothingToCapture: no symbol wanted is listed.
        DeliveryFailed: Kafka refused a message for good.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    dice = random.Random()
    waits = delays(settings.retry_first, settings.retry_most, dice)
    topics = (TRADES, REJECTED)
    url = settings.registry_url
    ids = await ids_when_there(url, exchange.name, topics, waits, stop)
    waits = delays(settings.retry_first, settings.retry_most, dice)
    catalogue = await fetch_catalogue(exchange, place.rest_url, waits, stop)
    if stop.is_set():
        return 0
    own = exchange.capabilities.silence_allowed
    publisher = Publisher(
        exchange.name,
        producer_settings(settings.kafka_servers, settings.queue_messages),
        *ids,
    )
    capture = Capture(
        exchange=exchange,
        ws_url=place.ws_url,
        symbols=chosen(exchange.name, place.symbols, catalogue),
        instruments=catalogue,
        outlet=publisher,
        silence_allowed=settings.silence_allowed or own,
        retry_first=settings.retry_first,
        retry_most=settings.retry_most,
        max_life=settings.max_life or exchange.capabilities.max_life_kept,
    )
    listings = Listings(
        capture=capture,
        wanted=place.symbols,
        fetch=partial(fetch_catalogue, exchange, place.rest_url, waits, stop),
        every=settings.listings_every,
    )
    acks = AckWatch(capture=capture, allowed=settings.ack_allowed)
    allowance = exchange.fill.allowance if exchange.fill else SPARING
    limits = settings.limits / f"{exchange.name}.json"
    try:
        async with line_to(place.rest_url, allowance, limits) as line:
            clock = clock_watch(exchange, line, settings)
            exporter = Exporter(
                capture=capture,
                deliveries=publisher.deliveries,
                queue_limit=settings.queue_messages,
                traffic=line.traffic,
                clock=clock,
                gaps=settings.gaps,
            )
            with served(exporter, settings.metrics_port):
                await first_ended(
                    capture.run(stop),
                    serve(publisher),
                    tell(capture, settings.progress_every),
                    listings.follow(),
                    give_up(stop, settings.flush_allowed),
                    acks.watch(),
                    *([clock.watch()] if clock else []),
                    *watches(capture, line, settings),
                )
    finally:
        # Whoever waited in vain for room has waited.
        wait = timedelta(0) if publisher.full else settings.flush_allowed
        left = await publisher.flush(wait)
    return told_at_the_end(capture, left)


async def give_up(stop: asyncio.Event, after: timedelta) -> None:
    """End so long after `stop`: what Kafka has no room for is not waited for longer."""
    await stop.wait()
    await asyncio.sleep(after.total_seconds())


def clock_watch(
    exchange: Exchange, line: Line, settings: Settings
) -> ClockWatch | None:
    """Return what compares the exchange's clock with ours, if it tells its time."""
    if (clock := exchange.capabilities.clock) is None:
        return None
    return ClockWatch(
        exchange=exchange.name, clock=clock, line=line, every=settings.clock_every
    )


def watches(
    capture: Capture, line: Line, settings: Settings
) -> Iterator[Coroutine[None, None, None]]:
    """Yield what asks for trades by REST beside the stream, if REST has any."""
    exchange = capture.exchange
    if exchange.fill is None:
        return
    rest = Rest(fill=exchange.fill, line=line)
    yield StallWatch(capture=capture, rest=rest, least=settings.stall_least).watch()
    if usual := exchange.capabilities.sweep:
        every = settings.sweep or usual
        yield Sweeper(capture=capture, rest=rest, every=every).sweep()


async def first_ended(*running: Coroutine[None, None, None]) -> None:
    """Run the loop and its companions; whichever ends first ends all of them."""
    tasks = {asyncio.create_task(each) for each in running}
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


def told_at_the_end(capture: Capture, left: int) -> int:
    """Log how it ended; return 0 if Kafka has everything, else 1."""
    counts = {"frames": capture.tally.frames, "trades": capture.tally.trades}
    if left:
        log.error(
            "stopped_with_messages_left",
            exchange=capture.exchange.name,
            left=left,
            remedy="is Kafka up? see BULLION_FLUSH_S for how long to wait for it",
            **counts,
        )
        return 1
    log.info("stopped", exchange=capture.exchange.name, **counts)
    return 0
