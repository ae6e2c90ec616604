"""What presses on capture: hostile frames, Kafka away, full disks.

`tests/stack/test_pressure.py` is the same with a real broker and a real registry.
"""

import asyncio
import io
import json
import re
import resource
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fastavro
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ingestion.capture import Capture, serve
from ingestion.exchange import (
    QUOTED,
    AskedTooOften,
    Frame,
    FrameRejected,
    PageUnreadable,
    StreamBroken,
    StreamEnding,
    SymbolRefused,
    Told,
    load,
)
from ingestion.publisher import LARGEST_FRAME, Publisher, producer_settings
from ingestion.registry import ids_when_there
from ingestion.rejection import Rejection
from ingestion.rest import Unanswered
from ingestion.stall import StallWatch
from ingestion.wire import LARGEST_TRADE, header, packed_trade
from schemas.rejected import RejectedFrame
from schemas.table import all_exchanges
from schemas.topic import TRADES
from tests.ingestion.samples import NOON, catalogue_of
from tests.ingestion.simulated import capture_at, catalogue_at, rest_at
from tests.ingestion.test_capture import Remembered, frame_of_trades, until
from tests.ingestion.test_fill import filler, hole, published
from tests.laptop.ports import free_ports
from tests.simulator.served import Served, served

EACH = pytest.mark.parametrize("name", all_exchanges())
ALONE = [name for name in all_exchanges() if load(name).capabilities.copies == 1]
"""Those of whom no second connection brings everything once more."""
FILLED = [name for name in all_exchanges() if load(name).fill]
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


@EACH
def test_fields_that_are_always_new_leave_nothing_behind(name: str) -> None:
    exchange, trades = load(name), frame_of_trades(name)
    catalogue = catalogue_of(exchange)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(100):
        document = f'{trades[:-1]},"{number}{"x" * 500_000}":1}}'
        (trade,) = exchange.parse(Frame(document.encode(), NOON), catalogue)
        with pytest.raises(FrameRejected, match="a trade of 5"):
            packed_trade(trade, header(1))
    del document, trade
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 5_000_000


@pytest.mark.parametrize("name", FILLED)
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


@pytest.mark.parametrize("kind", Told.__subclasses__(), ids=lambda kind: kind.__name__)
def test_what_an_exchange_says_is_told_in_few_words(kind: type[Told]) -> None:
    assert str(kind("no")) == "no"
    assert len(str(kind("x" * TEN_MB))) < 2 * QUOTED


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
            capture.outlet.room.set()
            await asyncio.wait_for(running, 10)


@pytest.mark.parametrize("name", ALONE)
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
            await sim.order(f"{name}/garbage", frame=frame)
        await until(lambda: len(outlet.rejected) >= len(garbage))
        before = len(outlet.values)
        await until(lambda: len(outlet.values) > before + 100)

        assert outlet.rejected == [frame.encode() for frame in garbage]
        assert capture.tally.connections == 1
        assert native in capture.heard


@pytest.mark.parametrize("name", ALONE)
async def test_a_frame_larger_than_any_that_is_received_is_told_of(name: str) -> None:
    with capture_logs() as said:
        async with captured(name) as (sim, capture, outlet):
            await sim.order(f"{name}/garbage", frame="x" * (LARGEST_FRAME + 1))
            await until(lambda: capture.tally.connections == 2)
            before = len(outlet.values)
            await until(lambda: len(outlet.values) > before + 100)

    (told,) = (line for line in said if line["event"] == "frame_too_large")
    assert (told["log_level"], told["largest_mb"]) == ("error", 16)


@pytest.mark.parametrize("name", ALONE)
async def test_what_can_be_written_exactly_is_published_and_silver_judges_it(
    name: str,
) -> None:
    def changed(fields: str, value: str) -> str:
        text, times = re.subn(
            rf'("(?:{fields})": ?"?)[0-9.]+', rf"\g<1>{value}", trades
        )
        assert times
        return text

    trades = frame_of_trades(name)
    ids = [7, 5, 6, 5]
    odd = [
        *(changed("t|trade_id|i", str(number)) for number in ids),
        *(changed("q|qty|size|v", value) for value in ("-1", "0")),
        *(changed("p|price", value) for value in ("-1", "0")),
    ]
    async with captured(name) as (sim, capture, outlet):
        before = len(outlet.values)
        for frame in odd:
            await sim.order(f"{name}/garbage", frame=frame)
        await until(lambda: len(odd_ones(outlet, before)) >= len(odd))

    told = odd_ones(outlet, before)
    assert [int(trade["trade_id"]) for trade in told[: len(ids)]] == ids
    assert [trade["quantity"] for trade in told[4:6]] == [-1, 0]
    assert [trade["price"] for trade in told[6:]] == [-1, 0]
    assert outlet.rejected == []


def trades_in(outlet: Remembered, after: int = 0) -> list[dict[str, Any]]:
    """Return what was published, as fastavro reads it."""
    schema = fastavro.parse_schema(json.loads(TRADES.schema))
    return [
        fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
        for value in outlet.values[after:]
    ]


def odd_ones(outlet: Remembered, after: int) -> list[dict[str, Any]]:
    """Return the trades that were ordered: those of the samples' time."""
    now = datetime.now(UTC)
    told = trades_in(outlet, after)
    return [each for each in told if abs(each["timestamp"] - now) > timedelta(days=1)]


@pytest.mark.parametrize("name", ALONE)
async def test_without_kafka_so_many_wait_as_may_and_then_nobody_reads(
    name: str, tmp_path: Path
) -> None:
    exchange, stop = load(name), asyncio.Event()
    nobody = f"127.0.0.1:{free_ports()['KAFKA']}"
    publisher = Publisher(name, producer_settings(nobody, 200), 1, 2)
    async with served(rate=400) as sim, rest_at(sim, exchange, tmp_path) as rest:
        catalogue = await catalogue_at(sim, exchange)
        capture = replace(
            capture_at(sim, exchange, exchange.symbols, catalogue), outlet=publisher
        )
        watch = StallWatch(
            capture=capture,
            rest=rest,
            least=timedelta(seconds=0.3),
            every=timedelta(seconds=0.1),
        )
        with capture_logs() as said:
            works = (capture.run(stop), serve(publisher))
            running = [asyncio.create_task(work) for work in works]
            await until(lambda: publisher.full)
            running.append(asyncio.create_task(watch.watch()))
            frames = capture.tally.frames
            await asyncio.sleep(1.5)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # What Kafka's client has to report is counted too.
    assert 200 <= publisher.waiting < 210
    assert (capture.tally.frames, capture.tally.connections) == (frames, 1)
    # REST has newer trades all the time, and nobody is dead.
    assert capture.tally.stalls == 0
    (full,) = (line for line in said if line["event"] == "buffer_full")
    assert "docs/runbooks/pressure.md" in full["remedy"]


@pytest.mark.parametrize("name", [name for name in ALONE if name in FILLED])
async def test_what_nobody_read_shows_in_the_ids_and_comes_by_rest(
    name: str, tmp_path: Path
) -> None:
    async with captured(name) as (sim, capture, outlet):
        feed = sim.server.hubs[name].feed
        native = feed.symbols[0]
        outlet.room.clear()
        last = feed.last(native)
        await until(lambda: feed.last(native) > last + 20)
        await sim.order(f"{name}/drop")
        await until(lambda: feed.last(native) > last + 200)
        assert capture.tally.connections == 1
        outlet.room.set()
        await until(lambda: capture.tally.connections == 2)
        before = len(outlet.values)
        await until(lambda: len(outlet.values) > before + 250)
        held = ids_of(outlet, native)
        lost = [n for n in range(min(held), max(held)) if n not in held]
        assert lost == list(range(lost[0], lost[-1] + 1))

        truth = await sim.truth(name, symbol=native)
        first = [each["trade_id"] for each in truth].index(lost[0])
        async with filler(sim, name, tmp_path) as asking:
            missing = hole(asking, truth, first, first + len(lost) - 1)
            answer = await asking.answer(missing)
        assert (answer.published, answer.whole) == (len(lost), True)
        assert [int(trade["trade_id"]) for trade in published(asking)] == lost


def ids_of(outlet: Remembered, native: str) -> set[int]:
    return {
        int(trade["trade_id"])
        for trade in trades_in(outlet)
        if trade["vendor_data"]["native_symbol"] == native
    }


@pytest.mark.parametrize("kept", [10, 100])
def test_a_frame_that_is_cut_tells_how_long_it_was_and_its_digest(kept: int) -> None:
    frame = bytes(range(64))
    rejected = RejectedFrame(
        exchange="ACME",
        error_reason="frame_unparseable",
        error_detail="no JSON",
        source="wss://acme.example",
        ingestion_timestamp=NOON,
        frame=frame,
    )
    digest = "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"
    cut = Rejection(rejected, kept).cut

    assert cut.frame == frame[:kept]
    told = f"no JSON; the first 10 of 64 bytes, SHA-256 {digest}"
    assert cut.error_detail == (told if kept < len(frame) else "no JSON")


async def test_a_full_disk_is_no_end_of_asking_by_rest(tmp_path: Path) -> None:
    name = FILLED[0]
    exchange = load(name)
    async with served() as sim, rest_at(sim, exchange, tmp_path) as rest:
        catalogue = await catalogue_at(sim, exchange)
        instrument = catalogue[exchange.symbols[0]]
        request = exchange.fill and exchange.fill.newest(instrument)
        assert request is not None
        await rest.page(request, instrument)
        before = rest.line.limiter.file.read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        # A file may not grow: writing fails as on a full disk, but for the number.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(Unanswered, match="is its disk full"):
                await rest.page(request, instrument)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert rest.line.limiter.file.read_bytes() == before
        assert (await rest.page(request, instrument)).trades


async def test_a_registry_that_answers_nonsense_is_asked_until_it_makes_sense() -> None:
    answers = ["<html>Bad gateway</html>", '{"id": "x"}', '{"id": 7}']

    async def answer(request: web.Request) -> web.Response:
        text = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(text=text, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    stop = asyncio.Event()

    def ask() -> tuple[int, ...]:
        waits = iter([0.01] * 9)
        return asyncio.run(ids_when_there(url, "acme", (TRADES,), waits, stop))

    try:
        with capture_logs() as said:
            assert await asyncio.to_thread(ask) == (7,)
    finally:
        await runner.cleanup()
    assert [line["event"] for line in said] == ["registry_not_ready"] * 2
    assert all("BULLION_REGISTRY_URL" in line["remedy"] for line in said)
