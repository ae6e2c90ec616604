"""Frames that nobody should send: none ends capture, none is lost, none grows."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ingestion.capture import Capture
from ingestion.exchange import (
    QUOTED,
    AskedTooOften,
    Frame,
    FrameRejected,
    PageUnreadable,
    StreamBroken,
    StreamEnding,
    SymbolRefused,
    load,
)
from ingestion.wire import LARGEST_TRADE, header, packed_trade
from schemas.table import all_exchanges
from tests.ingestion.samples import NOON, catalogue_of
from tests.ingestion.simulated import capture_at, catalogue_at
from tests.ingestion.test_capture import Remembered, frame_of_trades, until
from tests.simulator.served import Served, served

EACH = pytest.mark.parametrize("name", all_exchanges())
NAMED = (FrameRejected, SymbolRefused, StreamEnding, StreamBroken)
MARK = "the place of a hostile value"
HOSTILE = [
    *("NaN", "Infinity", "-Infinity", '"NaN"', '"sNaN"', '"-Infinity"', '"1_0"'),
    *("-1", '"-1"', "0", '"0"', "-0", "1e999999", '"1e999999"', "1e30", "9" * 5000),
    *("null", "true", "{}", "[]", "[[]]", '""', '" "', '"\\ud800"', '"\\u0000"'),
    *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59.999999-14:00"'),
    *("253402300799999", "253402300799999999", "9" * 25, '"' + "x" * 100_000 + '"'),
    *("[" * 50_000, "[" * 50_000 + "]" * 50_000, '{"a":' * 50_000),
]
TEN_MB = 10 * 1024 * 1024


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a document, and of one that is new there."""
    match value:
        case dict():
            for name, inner in value.items():
                yield (*at, name)
                yield from places(inner, (*at, name))
            yield (*at, "new")
        case list():
            for number, inner in enumerate(value):
                yield (*at, number)
                yield from places(inner, (*at, number))


def with_at(document: str, place: tuple[Any, ...], text: str) -> str:
    """Return JSON in which a value is replaced by a text, whatever that is."""
    changed = json.loads(document)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = MARK
    return json.dumps(changed).replace(json.dumps(MARK), text)


def hostile(document: str) -> Iterator[str]:
    """Yield the document with each hostile value in each place."""
    for place in places(json.loads(document)):
        for text in HOSTILE:
            yield with_at(document, place, text)


@EACH
def test_a_hostile_value_in_any_place_is_read_exactly_or_refused_in_few_words(
    name: str,
) -> None:
    exchange = load(name)
    catalogue = catalogue_of(exchange)
    refused = 0
    for document in hostile(frame_of_trades(name)):
        try:
            for trade in exchange.parse(Frame(document.encode(), NOON), catalogue):
                assert len(packed_trade(trade, header(1))) <= LARGEST_TRADE
                assert int(trade.trade_id) >= 0
        except NAMED as why:
            refused += 1
            assert len(str(why)) < 2 * QUOTED
    assert refused > 100


@pytest.mark.parametrize("name", [name for name in all_exchanges() if load(name).fill])
async def test_a_hostile_value_in_any_place_of_a_page_is_read_or_refused_in_few_words(
    name: str,
) -> None:
    exchange = load(name)
    fill = exchange.fill
    assert fill is not None
    refused = 0
    async with served() as sim:
        catalogue = await catalogue_at(sim, exchange)
        instrument = catalogue[exchange.symbols[0]]
        asked = fill.newest(instrument)
        url = f"{sim.url}/{name}{asked.path}"
        async with sim.http.get(url, params=dict(asked.query)) as answer:
            page = await answer.text()
    assert fill.page(page.encode(), instrument, NOON).trades
    for document in hostile(page):
        try:
            fill.page(document.encode(), instrument, NOON)
        except (AskedTooOften, PageUnreadable) as why:
            refused += 1
            assert len(str(why)) < 2 * QUOTED
    assert refused > 100


@asynccontextmanager
async def captured(name: str) -> AsyncIterator[tuple[Served, Capture, Remembered]]:
    """Capture all symbols of a simulated exchange, its trades being remembered."""
    exchange, stop = load(name), asyncio.Event()
    async with served(rate=200) as sim:
        catalogue = await catalogue_at(sim, exchange)
        capture = capture_at(sim, exchange, exchange.symbols, catalogue)
        assert isinstance(capture.outlet, Remembered)
        running = asyncio.create_task(capture.run(stop))
        try:
            await until(lambda: len(capture.outlet.values) > 100)
            yield sim, capture, capture.outlet
        finally:
            stop.set()
            await asyncio.wait_for(running, 10)


async def sent(sim: Served, name: str, frame: str) -> None:
    await sim.order(f"{name}/garbage", frame=frame)


@EACH
async def test_frames_that_nobody_should_send_are_kept_verbatim_and_nothing_stops(
    name: str,
) -> None:
    trades = frame_of_trades(name)
    native = load(name).symbols[0]
    garbage = [
        "x" * TEN_MB,
        '{"data":[' * 100_000,
        re.sub(r'("p"|"price"): ?"?[0-9.]+"?', r"\1:NaN", trades),
        re.sub(r'("p"|"price"): ?"?[0-9.]+"?', r'\1:"Infinity"', trades),
        re.sub(r'("s"|"symbol"|"product_id"): ?"[^"]+"', r'\1:"NEVER-HEARD"', trades),
        # What is around the trades would go into each of them.
        f'{trades[:-1]},"new":"{"x" * TEN_MB}"}}',
    ]
    assert all(frame != trades for frame in garbage)
    async with captured(name) as (sim, capture, outlet):
        for frame in garbage:
            await sent(sim, name, frame)
        await until(lambda: len(outlet.rejected) >= len(garbage))
        before = len(outlet.values)
        await until(lambda: len(outlet.values) > before + 100)

        assert outlet.rejected == [frame.encode() for frame in garbage]
        assert capture.tally.connections == 1
        assert native in capture.heard
