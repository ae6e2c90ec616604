"""Symbols that are listed or taken off while capture runs."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.capture import Capture
from ingestion.catalogue import chosen, fetch_catalogue
from ingestion.exchange import Instrument, load
from ingestion.listings import Listings
from schemas.table import all_exchanges
from tests.ingestion.test_capture import Remembered, until
from tests.simulator.served import served


@pytest.mark.parametrize("name", all_exchanges())
async def test_what_is_listed_later_is_captured_and_what_is_gone_is_not_expected(
    name: str, tmp_path: Path
) -> None:
    exchange, stop = load(name), asyncio.Event()
    async with served(rate=400) as sim:
        url = f"{sim.url}/{name}"
        whole = await fetch_catalogue(exchange, url, iter(()), stop)
        first, *later = sorted(whole)
        told: dict[str, Instrument] = {first: whole[first]}

        async def fetch() -> Mapping[str, Instrument]:
            return dict(told)

        capture = Capture(
            exchange=exchange,
            ws_url=url.replace("http", "ws", 1),
            symbols=chosen(name, ("all",), told),
            instruments=dict(told),
            outlet=Remembered(),
            silence_allowed=timedelta(seconds=30),
            retry_first=timedelta(milliseconds=20),
            retry_most=timedelta(milliseconds=80),
        )
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
