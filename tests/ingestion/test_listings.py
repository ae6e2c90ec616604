"""Symbols that are listed or taken off while capture runs."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from ingestion.catalogue import chosen
from ingestion.exchange import Instrument, load
from ingestion.listings import Listings
from schemas.table import all_exchanges
from tests.ingestion.simulated import capture_at, catalogue_at
from tests.ingestion.test_capture import until
from tests.simulator.served import served


@pytest.mark.parametrize("name", all_exchanges())
async def test_what_is_listed_later_is_captured_and_what_is_gone_is_not_expected(
    name: str,
) -> None:
    exchange, stop = load(name), asyncio.Event()
    async with served(rate=400, exchanges=[name]) as sim:
        whole = await catalogue_at(sim, exchange)
        first, *later = sorted(whole)
        told: dict[str, Instrument] = {first: whole[first]}

        async def fetch() -> Mapping[str, Instrument]:
            return dict(told)

        capture = capture_at(sim, exchange, chosen(name, ("all",), told), dict(told))
        listings = Listings(
            capture=capture,
            wanted=("all",),
            fetch=fetch,
            every=timedelta(milliseconds=50),
        )
        running = asyncio.create_task(capture.run(stop))
        following = asyncio.create_task(listings.follow())
        await until(lambda: first in capture.heard and capture.heard[first].trades > 3)
        opened = capture.tally.connections
        assert set(capture.heard) == {first}

        told |= whole
        await until(lambda: set(capture.heard) == set(whole))
        await until(lambda: all(each.trades > 3 for each in capture.heard.values()))
        # The first symbol's connection was left in peace.
        copies = exchange.capabilities.copies
        assert capture.tally.connections == opened + copies

        # An answer without a symbol is no answer; one without this symbol is.
        told.clear()
        await asyncio.sleep(0.2)
        assert set(capture.heard) == set(whole)
        told |= {native: whole[native] for native in later}
        await until(lambda: first not in capture.heard)
        following.cancel()
        stop.set()
        await asyncio.wait_for(running, 10)
