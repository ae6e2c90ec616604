"""What is captured is what happened, for each exchange against its simulator."""

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion.capture import Capture
from ingestion.exchange import Exchange, Keepalive, load
from ingestion.fill import Hole
from schemas.id_range import joined, without
from schemas.table import all_exchanges
from tests.ingestion.simulated import capture_at, catalogue_at
from tests.ingestion.test_capture import Remembered, until
from tests.ingestion.test_fill import EACH as FILLING
from tests.ingestion.test_fill import EPOCH, decoded, filler, published
from tests.simulator.served import QUICK, Served, served

EACH = pytest.mark.parametrize("name", all_exchanges())
DOUBLED = [name for name in all_exchanges() if load(name).capabilities.copies > 1]
HASTY = replace(QUICK, scale=0.1, idle_for=1)
"""Exchanges lose their patience with the mute soon."""


@asynccontextmanager
async def running(
    sim: Served, exchange: Exchange
) -> AsyncIterator[tuple[Capture, str]]:
    """Capture the first symbol of a simulated exchange."""
    stop = asyncio.Event()
    catalogue = await catalogue_at(sim, exchange)
    native = exchange.symbols[0]
    capture = capture_at(sim, exchange, (native,), catalogue)
    task = asyncio.create_task(capture.run(stop))
    try:
        await until(lambda: capture.tally.trades > 5)
        yield capture, native
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


def captured(capture: Capture) -> list[dict[str, Any]]:
    assert isinstance(capture.outlet, Remembered)
    return decoded(capture.outlet.values)


def ids(capture: Capture) -> set[int]:
    return {int(trade["trade_id"]) for trade in captured(capture)}


@EACH
async def test_digits_time_and_the_takers_side_arrive_as_they_happened(
    name: str,
) -> None:
    async with served(rate=400, exchanges=[name]) as sim, running(sim, load(name)) as (
        capture,
        native,
    ):
        await until(lambda: capture.tally.trades > 120)
        told = captured(capture)
        span = (min(ids(capture)), max(ids(capture)))
        truth = {
            str(each["trade_id"]): each
            for each in await sim.truth(
                name, symbol=native, from_id=span[0], to_id=span[1]
            )
        }

    assert len(truth) == span[1] - span[0] + 1 and {t["side"] for t in told} == {
        "BUY",
        "SELL",
    }
    for trade in told:
        happened = truth[trade["trade_id"]]
        assert trade["price"] == Decimal(happened["price"])
        assert trade["quantity"] == Decimal(happened["quantity"])
        assert trade["side"] == happened["side"].upper()
        at = EPOCH + timedelta(microseconds=happened["time_us"])
        assert trade["timestamp"] == at
        assert trade["vendor_data"]["source"] == "ws"


@EACH
async def test_an_exchange_that_leaves_the_mute_is_spoken_to_in_time(name: str) -> None:
    exchange = copy.copy(load(name))
    if said := exchange.keepalive:
        exchange.keepalive = Keepalive(said.payload, timedelta(seconds=0.2))
    copies = exchange.capabilities.copies
    async with served(rate=400, pace=HASTY, exchanges=[name]) as sim:
        async with running(sim, exchange) as (capture, _):
            await asyncio.sleep(2.5)

            assert capture.tally.connections == copies
            assert capture.tally.rejected == 0


@FILLING
async def test_what_a_stream_left_out_is_a_hole_in_the_ids_and_rest_fills_it(
    name: str, tmp_path: Path
) -> None:
    async with served(rate=400, exchanges=[name]) as sim, running(sim, load(name)) as (
        capture,
        native,
    ):
        async with filler(sim, name, tmp_path) as asking:
            await sim.order(f"{name}/omit", symbol=native, count=9)
            await until(lambda: len(holes_in(capture)) == 1)
            ((first, last),) = holes_in(capture)
            before = next(
                t for t in captured(capture) if int(t["trade_id"]) == first - 1
            )
            answer = await asking.answer(
                Hole(
                    exchange=name.upper(),
                    symbol=before["symbol"],
                    first_missing_id=first,
                    last_missing_id=last,
                    missing=[(first, last)],
                    after=before["timestamp"],
                )
            )
            brought = published(asking)
        truth = {
            each["trade_id"]: each["side"].upper()
            for each in await sim.truth(name, symbol=native, from_id=first, to_id=last)
        }

    assert last - first + 1 == 9 and (answer.whole, answer.published) == (True, 9)
    assert {int(t["trade_id"]): t["side"] for t in brought} == truth
    assert {t["vendor_data"]["origin"] for t in brought} == {"rest"}


def count_of(capture: Capture, trade_id: int) -> int:
    return [int(t["trade_id"]) for t in captured(capture)].count(trade_id)


def holes_in(capture: Capture) -> list[tuple[int, int]]:
    """Return the ids that are missing between those that came."""
    came = ids(capture)
    return without((min(came), max(came)), joined((each, each) for each in came))


@pytest.mark.parametrize("name", DOUBLED)
async def test_what_one_of_two_connections_loses_the_other_brings(name: str) -> None:
    async with served(rate=400, exchanges=[name]) as sim, running(sim, load(name)) as (
        capture,
        native,
    ):
        hub = sim.server.hubs[name]
        copies = capture.exchange.capabilities.copies
        await until(lambda: sum(bool(c.follows) for c in hub.connections) == copies)
        deaf, *others = hub.connections
        assert len(others) == copies - 1
        both = hub.feed.last(native)
        await until(lambda: hub.feed.last(native) > both + 5)
        lost = hub.feed.last(native) + 1
        follows, deaf.follows = deaf.follows, {}
        await until(lambda: hub.feed.last(native) > lost + 30)
        deaf.follows = follows
        back = hub.feed.last(native)
        await until(lambda: count_of(capture, back + 5) == 2)
        told = [int(trade["trade_id"]) for trade in captured(capture)]

        assert holes_in(capture) == [] and capture.tally.connections == 2
        # Two brought what came before and after; one what was lost by the other.
        assert count_of(capture, lost - 1) == 2 and count_of(capture, lost + 10) == 1
        assert {t["vendor_data"]["source"] for t in captured(capture)} == {"ws"}
        messages = {trade["message_id"] for trade in captured(capture)}
        assert len(messages) == len(set(told))
