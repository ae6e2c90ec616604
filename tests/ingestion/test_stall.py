"""A subscription that died is told from a quiet market, by a simulator's REST."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.capture import Capture, Heard
from ingestion.catalogue import chosen
from ingestion.exchange import load
from ingestion.stall import StallWatch
from schemas.table import all_exchanges
from simulator.hub import Connection
from tests.ingestion.simulated import capture_at, catalogue_at, rest_at
from tests.ingestion.test_capture import until
from tests.simulator import tiny
from tests.simulator.served import Served, served

EACH = pytest.mark.parametrize("name", all_exchanges())


@asynccontextmanager
async def watched(
    sim: Served, name: str, folder: Path, again: float = 1
) -> AsyncIterator[StallWatch]:
    """Capture from a simulator, watched closely."""
    exchange, stop = load(name), asyncio.Event()
    catalogue = await catalogue_at(sim, exchange)
    symbols = chosen(name, exchange.symbols, catalogue)
    capture = capture_at(sim, exchange, symbols, catalogue)
    async with rest_at(sim, exchange, folder) as rest:
        watch = StallWatch(
            capture=capture,
            rest=rest,
            least=timedelta(seconds=0.5),
            every=timedelta(seconds=0.1),
            again=timedelta(seconds=again),
        )
        running = asyncio.create_task(capture.run(stop))
        watching = asyncio.create_task(watch.watch())
        try:
            yield watch
        finally:
            watching.cancel()
            stop.set()
            await asyncio.wait_for(running, 10)


@EACH
async def test_a_symbol_whose_subscription_died_is_subscribed_anew(
    name: str, tmp_path: Path
) -> None:
    async with served(rate=400, exchanges=[name]) as sim, watched(
        sim, name, tmp_path
    ) as watch:
        capture = watch.capture
        await until(lambda: heard_all(capture))
        dead = sim.server.hubs[name].feed.symbols[0]
        for connection in sim.server.hubs[name].connections:
            del connection.follows[dead]
        before = capture.heard[dead].trades
        await until(lambda: capture.tally.stalls == 1)
        await until(lambda: capture.heard[dead].trades > before + 5)
        copies = capture.exchange.capabilities.copies
        await until(lambda: capture.tally.connections == 2 * copies)
        await until(lambda: len(sim.server.hubs[name].connections) == copies)


@EACH
async def test_a_symbol_that_never_spoke_is_subscribed_anew_once_rest_moves_on(
    name: str, tmp_path: Path
) -> None:
    async with served(rate=400, exchanges=[name]) as sim:
        dead = sim.server.hubs[name].feed.symbols[0]
        follow = sim.server.hubs[name].follow
        deaf_ones = load(name).capabilities.copies

        def deaf(connection: Connection, symbols: Iterable[str]) -> list[str]:
            nonlocal deaf_ones
            hears = deaf_ones <= 0
            deaf_ones -= 1
            return follow(
                connection, [each for each in symbols if hears or each != dead]
            )

        hub = sim.server.hubs[name]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(hub), "follow", lambda _, *told: deaf(*told))
            # A trade that is told once more would speak for it.
            patched.setattr(type(hub), "newest", lambda *_: [])
            async with watched(sim, name, tmp_path) as watch:
                capture = watch.capture
                await until(lambda: bool(capture.heard) and heard_one(capture))
                assert not capture.heard[dead].trades
                await until(lambda: capture.heard[dead].trades > 5)

    assert capture.tally.stalls >= 1


async def test_a_quiet_market_is_asked_for_less_and_less(tmp_path: Path) -> None:
    recording = f"recorded={tiny.write(tmp_path)}"
    async with served(recording, rate=None) as sim:
        async with watched(sim, "binance", tmp_path, again=0.1) as watch:
            await until(lambda: heard_all(watch.capture))
            await asyncio.sleep(3)
            (quiet,) = watch.asked.values()

    assert watch.capture.tally.stalls == 0
    # At 0.1 s each it would have been thirty times.
    assert 3 <= quiet.times <= 5


@pytest.mark.parametrize("name", tiny.RECORDED)
async def test_a_quiet_market_is_left_alone(name: str, tmp_path: Path) -> None:
    recording = f"recorded={tiny.write(tmp_path)}"
    async with served(recording, rate=None) as sim:
        async with watched(sim, name, tmp_path) as watch:
            capture = watch.capture
            await until(lambda: heard_all(capture))
            await asyncio.sleep(1.5)

            assert not sim.server.hubs[name].feed.more
            assert (capture.tally.stalls, capture.tally.connections) == (0, 1)


def heard_one(capture: Capture) -> bool:
    return any(each.trades for each in capture.heard.values())


def heard_all(capture: Capture) -> bool:
    return bool(capture.heard) and all(each.trades for each in capture.heard.values())


def test_a_slow_symbol_may_be_silent_for_longer() -> None:
    watch = StallWatch.__new__(StallWatch)
    object.__setattr__(watch, "least", timedelta(seconds=30))

    assert watch.allowed(Heard(since=0, at=0)) == 30
    assert watch.allowed(Heard(since=0, at=100, trades=1000)) == 30
    assert watch.allowed(Heard(since=0, at=100, trades=10)) == 200


async def test_what_was_missed_between_two_connections_is_no_stall_for_ever(
    tmp_path: Path,
) -> None:
    recording = f"recorded={tiny.write(tmp_path)}"
    async with served(recording, rate=None) as sim:
        async with watched(sim, "binance", tmp_path, again=0.1) as watch:
            capture = watch.capture
            await until(lambda: heard_all(capture))
            (heard,) = capture.heard.values()
            newest = tiny.FIRST_ID + len(tiny.FRAMES) - 1
            await until(lambda: heard.last_id == str(newest))
            # It came while no connection was open.
            heard.last_id = str(newest - 1)
            await until(lambda: capture.tally.stalls == 1)
            (asked,) = watch.asked.values()
            await until(lambda: asked.times == 3)

    assert (capture.tally.stalls, capture.tally.connections) == (1, 2)
