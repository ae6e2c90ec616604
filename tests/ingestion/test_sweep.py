"""What a stream left out, and no jump in the ids tells of, is found by REST."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.capture import Heard
from ingestion.exchange import load
from ingestion.sweep import Sweeper
from schemas.table import all_exchanges
from tests.ingestion.simulated import capture_at, catalogue_at, rest_at
from tests.ingestion.test_capture import Remembered, alone, ids_in, until
from tests.simulator.served import served

SWEPT = [name for name in all_exchanges() if load(name).capabilities.sweep]


def knows_times(name: str) -> bool:
    fill = load(name).fill
    return fill is not None and fill.since(datetime.now(UTC)) is not None


@pytest.mark.parametrize("name", SWEPT)
async def test_trades_that_no_stream_brought_are_sent_and_counted(
    name: str, tmp_path: Path
) -> None:
    exchange, stop = alone(load(name)), asyncio.Event()
    native = exchange.symbols[0]
    async with served(rate=100, exchanges=[name]) as sim:
        catalogue = await catalogue_at(sim, exchange)
        capture = capture_at(sim, exchange, (native,), catalogue)
        outlet = capture.outlet
        assert isinstance(outlet, Remembered)
        async with rest_at(sim, exchange, tmp_path) as rest:
            sweeper = Sweeper(
                capture=capture,
                rest=rest,
                every=timedelta(seconds=0.3),
                settled=timedelta(seconds=0.2),
            )
            running = asyncio.create_task(capture.run(stop))
            await until(lambda: len(outlet.values) > 60)
            sweeping = asyncio.create_task(sweeper.sweep())
            await until(lambda: capture.tally.swept > 10)
            assert capture.tally.omitted == 0

            last = sim.server.hubs[name].feed.last(native)
            await sim.order(f"{name}/omit", symbol=native, count=7)
            await until(lambda: capture.tally.omitted == 7)
            await until(lambda: capture.tally.swept > 40)
            sweeping.cancel()
            stop.set()
            await asyncio.wait_for(running, 10)
    ids = ids_in(outlet)
    assert set(range(last, last + 8)) <= set(ids)
    # Whatever came by stream was not sent again.
    assert len(ids) == len(set(ids))
    heard = capture.heard[native]
    assert len(heard.ids) < len(ids)


@pytest.mark.parametrize("name", [n for n in SWEPT if not knows_times(n)])
async def test_trades_that_rest_shows_for_a_moment_are_compared_once_settled(
    name: str, tmp_path: Path
) -> None:
    exchange, stop = load(name), asyncio.Event()
    native = exchange.symbols[0]
    async with served(rate=4000, exchanges=[name]) as sim:
        catalogue = await catalogue_at(sim, exchange)
        capture = capture_at(sim, exchange, (native,), catalogue)
        async with rest_at(sim, exchange, tmp_path) as rest:
            sweeper = Sweeper(
                capture=capture,
                rest=rest,
                every=timedelta(seconds=0.1),
                # Long after REST has forgotten them.
                settled=timedelta(seconds=1.5),
            )
            running = asyncio.create_task(capture.run(stop))
            await until(lambda: capture.tally.trades > 60)
            sweeping = asyncio.create_task(sweeper.sweep())
            await until(lambda: capture.tally.swept > 100)
            sweeping.cancel()
            stop.set()
            await asyncio.wait_for(running, 10)
    # What waits is no more than came while it waits.
    assert capture.tally.omitted == 0 and len(sweeper.young[native]) < 4000


@pytest.mark.parametrize("name", [n for n in SWEPT if not knows_times(n)])
async def test_what_rest_has_of_the_time_before_capture_is_brought_and_no_omission(
    name: str, tmp_path: Path
) -> None:
    exchange, stop = alone(load(name)), asyncio.Event()
    native = exchange.symbols[0]
    async with served(rate=40, exchanges=[name]) as sim:
        catalogue = await catalogue_at(sim, exchange)
        capture = capture_at(sim, exchange, (native,), catalogue)
        outlet = capture.outlet
        assert isinstance(outlet, Remembered)
        async with rest_at(sim, exchange, tmp_path) as rest:
            page = await rest.page(
                rest.fill.newest(catalogue[native]), catalogue[native]
            )
            sweeper = Sweeper(
                capture=capture,
                rest=rest,
                every=timedelta(seconds=0.1),
                settled=timedelta(seconds=0.2),
            )
            running = asyncio.create_task(capture.run(stop))
            sweeping = asyncio.create_task(sweeper.sweep())
            await until(lambda: capture.tally.swept > 10)
            sweeping.cancel()
            stop.set()
            await asyncio.wait_for(running, 10)
    ids = ids_in(outlet)
    old = [int(trade.trade_id) for trade in page.trades]
    assert len(set(old) & set(ids)) > len(old) / 2
    assert capture.tally.omitted == 0
    assert len(ids) == len(set(ids))


def test_ids_that_no_sweep_asks_for_are_forgotten_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingestion.capture.REMEMBERED", 10)
    heard = Heard(since=0, at=0)
    for number in range(25):
        heard.remember(str(number))

    assert heard.ids == {"20", "21", "22", "23", "24"}


def test_an_exchange_that_sends_every_id_is_not_swept() -> None:
    sound = replace(load("binance").capabilities)
    assert sound.sweep is None and SWEPT
