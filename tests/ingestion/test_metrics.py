"""What a capture process exports is in the table, is true, and moves by faults."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from msgspec import json
from prometheus_client.parser import text_string_to_metric_families

from ingestion import metrics
from ingestion.capture import serve
from ingestion.catalogue import chosen
from ingestion.clock import ClockWatch
from ingestion.exchange import load
from ingestion.exporter import Exporter
from ingestion.exporter import served as exported
from ingestion.publisher import Publisher, producer_settings
from ingestion.rest import Rest
from ingestion.stall import StallWatch
from ingestion.sweep import Sweeper
from schemas.table import ROOT, all_exchanges
from tests.ingestion.samples import samples
from tests.ingestion.simulated import capture_at, catalogue_at, line_at
from tests.simulator.served import Served, served

EACH = pytest.mark.parametrize("name", all_exchanges())
ALONE = [name for name in all_exchanges() if load(name).capabilities.copies == 1]
"""Those of whom no second connection brings what the first one lacks."""
LIMIT = 10_000
Labels = tuple[tuple[str, str], ...]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Scraped:
    """A capture process without its process: what it exports, asked over HTTP."""

    exporter: Exporter
    port: int

    async def text(self) -> str:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{self.port}/metrics")
            return answer.raise_for_status().text

    async def samples(self) -> dict[str, dict[Labels, float]]:
        """Return values by sample and by labels other than the exchange."""
        found: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(await self.text()):
            for sample in family.samples:
                labels = dict(sample.labels)
                assert labels.pop("exchange") == self.exporter.capture.exchange.name
                found.setdefault(sample.name, {})[tuple(labels.items())] = sample.value
        return found

    async def value(self, name: str, **labels: str) -> float:
        """Return one sample's value; 0 where there is none yet."""
        return (await self.samples()).get(name, {}).get(tuple(labels.items()), 0.0)

    def renew(self, symbol: str) -> None:
        """Have a symbol's connection followed by another."""
        capture = self.exporter.capture
        for native, instrument in capture.instruments.items():
            if instrument.symbol == symbol:
                capture.renew(native)

    async def until(
        self, holds: Callable[[float], bool], name: str, **labels: str
    ) -> float:
        """Return a value once it holds; a minute without is a failure."""
        async with asyncio.timeout(60):
            while not holds(value := await self.value(name, **labels)):
                await asyncio.sleep(0.05)
        return value


@asynccontextmanager
async def scraped(
    sim: Served, name: str, folder: Path, rtt_ms: int = 0, stall_s: float = 60
) -> AsyncIterator[Scraped]:
    """Capture from a simulator into a mock broker, with all that a process has."""
    exchange, stop = load(name), asyncio.Event()
    catalogue = await catalogue_at(sim, exchange)
    symbols = chosen(name, exchange.symbols, catalogue)
    mock = {"test.mock.num.brokers": 1, "test.mock.broker.rtt": rtt_ms}
    publisher = Publisher(name, producer_settings("mock", LIMIT) | mock, 1, 2)
    capture = capture_at(sim, exchange, symbols, catalogue, publisher)
    async with line_at(sim, exchange, folder) as line:
        told = exchange.capabilities.clock
        clock = told and ClockWatch(
            exchange=name, clock=told, line=line, every=timedelta(seconds=0.2)
        )
        exporter = Exporter(
            capture=capture,
            deliveries=publisher.deliveries,
            queue_limit=LIMIT,
            traffic=line.traffic,
            clock=clock,
            gaps=folder / "gaps.json",
        )
        companions = [serve(publisher)]
        if exchange.fill:
            rest = Rest(fill=exchange.fill, line=line, pauses=(0.01, 0.01))
            watch = StallWatch(
                capture=capture,
                rest=rest,
                least=timedelta(seconds=stall_s),
                every=timedelta(seconds=0.1),
                again=timedelta(seconds=1),
            )
            sweeper = Sweeper(
                capture=capture,
                rest=rest,
                every=timedelta(seconds=0.3),
                settled=timedelta(seconds=0.2),
            )
            companions.append(watch.watch())
            if exchange.capabilities.sweep:
                companions.append(sweeper.sweep())
        if clock:
            companions.append(clock.watch())
        port = free_port()
        running = asyncio.create_task(capture.run(stop))
        beside = [asyncio.create_task(each) for each in companions]
        try:
            with exported(exporter, port):
                yield Scraped(exporter, port)
        finally:
            stop.set()
            await asyncio.wait_for(running, 10)
            for task in beside:
                task.cancel()
            await publisher.flush(timedelta(seconds=10))


@EACH
async def test_what_is_exported_is_what_the_table_says(
    name: str, tmp_path: Path
) -> None:
    async with served() as sim, scraped(sim, name, tmp_path) as process:
        told = list(text_string_to_metric_families(await process.text()))

    # The client writes a counter's family without the `_total` of its samples.
    def plain(metric: metrics.Metric) -> tuple[str, str, str]:
        return metric.name.removesuffix("_total"), metric.kind, metric.help

    assert [(each.name, each.type, each.documentation) for each in told] == [
        plain(metric) for metric in metrics.ALL
    ]


@EACH
async def test_frames_trades_and_their_ways_are_counted(
    name: str, tmp_path: Path
) -> None:
    async with served(rate=400) as sim, scraped(sim, name, tmp_path) as process:
        await process.until(lambda n: n > 100, "bullion_trades_total")
        await process.until(lambda n: n > 3, "bullion_delivery_seconds_count")
        told = await process.samples()
        tally, symbols = process.exporter.capture.tally, process.exporter.capture.heard
        instruments = process.exporter.capture.instruments

        assert 0 < told["bullion_frames_total"][()] <= tally.frames
        copies = process.exporter.capture.exchange.capabilities.copies
        assert told["bullion_connections_open"][()] == copies
        assert told["bullion_queue_limit_messages"][()] == LIMIT
        assert 0 <= told["bullion_queue_messages"][()] <= tally.trades
        ages = told["bullion_last_trade_age_seconds"]
        assert ages.keys() == {
            (("symbol", instruments[each].symbol),) for each in symbols
        }
        assert all(0 <= age < 60 for age in ages.values())
        received = told["bullion_receive_seconds_count"][()]
        assert 0 < received <= told["bullion_trades_total"][()]
        assert told["bullion_receive_seconds_sum"][()] < received
        buckets = told["bullion_delivery_seconds_bucket"]
        assert list(buckets.values()) == sorted(buckets.values())
        assert buckets[(("le", "+Inf"),)] == told["bullion_delivery_seconds_count"][()]


@pytest.mark.parametrize(
    "name", [name for name in ALONE if load(name).capabilities.replay]
)
async def test_a_replay_is_no_latency(name: str, tmp_path: Path) -> None:
    async with served(rate=400) as sim:
        # Only what is told of the past comes.
        symbols = sim.server.hubs[name].feed.symbols
        for native in symbols:
            await sim.order(f"{name}/omit", symbol=native, count=10**6)
        async with scraped(sim, name, tmp_path) as process:
            await process.until(lambda n: n >= len(symbols), "bullion_trades_total")
            told = await process.samples()

    assert told["bullion_receive_seconds_count"][()] == 0


WITH_ALL = [
    name
    for name in ALONE
    if (has := load(name)).capabilities.sweep and has.capabilities.clock and has.fill
]


@pytest.mark.parametrize("name", WITH_ALL)
async def test_no_metric_of_the_table_stays_empty(name: str, tmp_path: Path) -> None:
    said = {"told_at": 1790000000.5, "exchanges": {}}
    (tmp_path / "gaps.json").write_bytes(json.encode(said))
    async with served(rate=400) as sim, scraped(sim, name, tmp_path) as process:
        await process.until(lambda n: n > 10, "bullion_swept_trades_total")
        await process.until(lambda n: n != 0, "bullion_clock_offset_seconds")
        await sim.order(f"{name}/garbage")
        await sim.order(f"{name}/drop")
        await process.until(lambda n: n > 0, "bullion_reconnects_total", cause="closed")
        told = (await process.samples()).keys()

    ends = {"histogram": "_count"}
    assert {each.name + ends.get(each.kind, "") for each in metrics.ALL} <= told


@EACH
async def test_a_frame_nobody_can_read_is_counted_by_its_reason(
    name: str, tmp_path: Path
) -> None:
    reason = "frame_unparseable"
    async with served() as sim, scraped(sim, name, tmp_path) as process:
        await process.until(lambda n: n > 0, "bullion_trades_total")
        assert not await process.value("bullion_frames_rejected_total", reason=reason)
        await sim.order(f"{name}/garbage")
        copies = process.exporter.capture.exchange.capabilities.copies
        await process.until(
            lambda n: n == copies, "bullion_frames_rejected_total", reason=reason
        )


@EACH
async def test_a_reconnect_is_counted_by_what_was_wrong(
    name: str, tmp_path: Path
) -> None:
    async with served() as sim, scraped(sim, name, tmp_path) as process:
        await process.until(lambda n: n > 0, "bullion_trades_total")
        assert "bullion_reconnects_total" not in await process.samples()
        copies = process.exporter.capture.exchange.capabilities.copies
        await process.until(lambda n: n == copies, "bullion_connections_open")
        await sim.order(f"{name}/drop")
        await process.until(
            lambda n: n == copies, "bullion_reconnects_total", cause="closed"
        )
        await process.until(lambda n: n == copies, "bullion_connections_open")


@pytest.mark.parametrize("name", [name for name in ALONE if load(name).fill])
async def test_a_dead_subscription_ages_and_is_a_stall(
    name: str, tmp_path: Path
) -> None:
    async with (
        served(rate=400) as sim,
        scraped(sim, name, tmp_path, stall_s=0.5) as process,
    ):
        await process.until(lambda n: n > 50, "bullion_trades_total")
        hub = sim.server.hubs[name]
        dead = hub.feed.symbols[0]
        symbol = process.exporter.capture.instruments[dead].symbol
        for connection in hub.connections:
            del connection.follows[dead]
        age = "bullion_last_trade_age_seconds"
        await process.until(lambda n: n > 0.3, age, symbol=symbol)
        await process.until(lambda n: n == 1, "bullion_symbol_stalls_total")
        await process.until(lambda n: n == 1, "bullion_reconnects_total", cause="stall")
        await process.until(lambda n: n < 0.3, age, symbol=symbol)


@pytest.mark.parametrize("name", ALONE)
async def test_a_subscription_that_nothing_confirms_is_a_zero(
    name: str, tmp_path: Path
) -> None:
    confirmed = "bullion_subscription_confirmed"
    async with served(rate=400) as sim:
        await sim.order(f"{name}/ignore", count=1)
        async with scraped(sim, name, tmp_path) as process:
            await process.until(lambda n: n > 100, "bullion_trades_total")
            told = (await process.samples())[confirmed]
            assert sorted(told.values()) == [0, *[1] * (len(told) - 1)]
            (dead,) = (dict(key)["symbol"] for key, value in told.items() if not value)
            process.renew(dead)
            await process.until(lambda n: n == 1, confirmed, symbol=dead)


@EACH
async def test_gaps_are_what_the_ledger_says_and_when(
    name: str, tmp_path: Path
) -> None:
    async with served() as sim, scraped(sim, name, tmp_path) as process:
        assert "bullion_gaps_open" not in await process.samples()
        said = {"told_at": 1790000000.5, "exchanges": {"ACME": {"gaps": 9}}}
        (tmp_path / "gaps.json").write_bytes(json.encode(said))
        assert (await process.samples())["bullion_gaps_open"] == {(): 0}
        said["exchanges"] = {name.upper(): {"gaps": 2, "missing": 7}}
        (tmp_path / "gaps.json").write_bytes(json.encode(said))
        told = await process.samples()

    assert told["bullion_gaps_open"] == {(): 2}
    assert told["bullion_gaps_missing_trades"] == {(): 7}
    assert told["bullion_gaps_told_timestamp_seconds"] == {(): 1790000000.5}


REFUSING = [
    p.values[0]
    for p in samples("refusal")
    if p.values[1]["raises"] == "SymbolRefused"
    # Others refuse a request whole.
    and load(p.values[0]).capabilities.confirms
]


@pytest.mark.parametrize("name", REFUSING)
async def test_a_symbol_that_is_refused_is_a_one(name: str, tmp_path: Path) -> None:
    refused = "bullion_subscription_refused"
    async with served(rate=400) as sim:
        await sim.order(f"{name}/refuse", count=1)
        async with scraped(sim, name, tmp_path) as process:
            await process.until(lambda n: n > 100, "bullion_trades_total")
            told = (await process.samples())[refused]
            assert sorted(told.values()) == [*[0] * (len(told) - 1), 1]
            (dead,) = (dict(key)["symbol"] for key, value in told.items() if value)
            process.renew(dead)
            await process.until(lambda n: n == 0, refused, symbol=dead)


TELLING = [name for name in all_exchanges() if load(name).capabilities.clock]


@pytest.mark.parametrize("name", TELLING)
async def test_a_clock_that_is_off_is_exported(name: str, tmp_path: Path) -> None:
    async with served() as sim, scraped(sim, name, tmp_path) as process:
        await sim.order(f"{name}/skew", seconds=20)
        await process.until(lambda n: n > 15, "bullion_clock_offset_seconds")
        told = await process.samples()

    unsure = told["bullion_clock_uncertainty_seconds"][()]
    assert abs(told["bullion_clock_offset_seconds"][()] - 20) <= unsure < 1


SWEPT = [name for name in all_exchanges() if load(name).capabilities.sweep]


@pytest.mark.parametrize("name", SWEPT)
async def test_what_a_stream_left_out_is_a_ratio_of_what_was_swept(
    name: str, tmp_path: Path
) -> None:
    async with served(rate=400) as sim, scraped(sim, name, tmp_path) as process:
        await process.until(lambda n: n > 20, "bullion_swept_trades_total")
        assert await process.value("bullion_stream_missing_ratio") == 0
        native = sim.server.hubs[name].feed.symbols[0]
        await sim.order(f"{name}/omit", symbol=native, count=7)
        await process.until(lambda n: n == 7, "bullion_omitted_trades_total")
        ratio = await process.value("bullion_stream_missing_ratio")
        swept = await process.value("bullion_swept_trades_total")

        assert 7 / swept <= ratio < 0.5


@pytest.mark.parametrize("name", SWEPT)
async def test_questions_to_rest_are_counted_by_how_they_ended(
    name: str, tmp_path: Path
) -> None:
    asked = "bullion_rest_requests_total"
    async with served(rate=400) as sim, scraped(sim, name, tmp_path) as process:
        await process.until(lambda n: n > 1, asked, outcome="answered")
        await sim.order(f"{name}/rest", status=503, count=2)
        await process.until(lambda n: n == 2, asked, outcome="failed")
        await sim.order(f"{name}/rest", status=429, retry_after=2, count=1)
        # As the exchange says it: with the status, or in an answer that looks well.
        await process.until(lambda n: n == 1, asked, outcome="too_often")


async def test_a_kafka_that_takes_its_time_is_seen_to(tmp_path: Path) -> None:
    async with served(rate=400) as sim:
        async with scraped(sim, "kraken", tmp_path, rtt_ms=500) as process:
            await process.until(lambda n: n > 0.3, "bullion_delivery_wait_seconds")
            await process.until(lambda n: n > 100, "bullion_queue_messages")
            await process.until(lambda n: n > 0, "bullion_delivery_seconds_count")
            told = (await process.samples())["bullion_delivery_seconds_bucket"]

    assert told[(("le", "0.25"),)] == 0
    assert told[(("le", "+Inf"),)] >= 1


async def test_a_taken_port_is_said_and_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served() as sim, scraped(sim, "kraken", tmp_path) as process:
        with exported(process.exporter, process.port):
            assert await process.text()
    said = capsys.readouterr().out
    assert "metrics_not_served" in said and "BULLION_METRICS_PORT" in said


async def test_without_a_port_nothing_listens(tmp_path: Path) -> None:
    async with served() as sim, scraped(sim, "kraken", tmp_path) as process:
        with exported(process.exporter, 0):
            pass
        port = process.port
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_a_name_follows_the_rules_of_prometheus(metric: metrics.Metric) -> None:
    assert re.fullmatch(r"bullion(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    if metric.kind == "histogram":
        assert metric.name.endswith("_seconds")
    for unit in ("ms", "millis", "minutes", "percent", "kb", "mb"):
        assert unit not in metric.name.split("_")
    assert metric.labels[0] == "exchange"
    assert metric.says.endswith(".") and metric.worry.endswith(".")


def test_each_metric_of_the_module_is_in_the_table_once() -> None:
    named = [
        each for each in vars(metrics).values() if isinstance(each, metrics.Metric)
    ]
    assert sorted(each.name for each in metrics.ALL) == sorted(
        {each.name for each in named}
    )


def test_the_page_is_made_from_the_table() -> None:
    assert (ROOT / "docs/metrics.md").read_text() == metrics.page()
