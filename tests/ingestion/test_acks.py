"""A subscription is proved by an ack, a trade or REST, or its symbol is named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.acks import AckWatch
from ingestion.capture import Capture
from ingestion.catalogue import chosen
from ingestion.exchange import load
from ingestion.stall import StallWatch
from schemas.table import all_exchanges
from tests.ingestion.simulated import capture_at, catalogue_at, rest_at
from tests.ingestion.test_capture import until
from tests.simulator.served import Served, served

EACH = pytest.mark.parametrize("name", all_exchanges())
QUIET = 0.001
"""Trades a second that leave a symbol silent for ten seconds: the least there are."""


@asynccontextmanager
async def watched(
    sim: Served, name: str, folder: Path, stall: float = 60
) -> AsyncIterator[tuple[Capture, AckWatch]]:
    """Capture from a simulator; what nothing confirms in 0.4 s is named."""
    exchange, stop = load(name), asyncio.Event()
    catalogue = await catalogue_at(sim, exchange)
    symbols = chosen(name, exchange.symbols, catalogue)
    capture = capture_at(sim, exchange, symbols, catalogue)
    acks = AckWatch(
        capture=capture,
        allowed=timedelta(seconds=0.4),
        every=timedelta(seconds=0.05),
    )
    async with rest_at(sim, exchange, folder) as rest:
        watch = StallWatch(
            capture=capture,
            rest=rest,
            least=timedelta(seconds=stall),
            every=timedelta(seconds=0.1),
            again=timedelta(seconds=1),
        )
        tasks = [
            asyncio.create_task(each)
            for each in (capture.run(stop), acks.watch(), watch.watch())
        ]
        try:
            yield capture, acks
        finally:
            stop.set()
            await asyncio.wait_for(tasks[0], 10)
            for task in tasks:
                task.cancel()


def lines(said: str, event: str) -> list[str]:
    return [line for line in said.splitlines() if event in line]


@EACH
async def test_trades_prove_each_subscription(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(rate=400) as sim, watched(sim, name, tmp_path) as (capture, acks):
        await until(lambda: bool(capture.heard))
        await until(lambda: all(each.confirmed for each in capture.heard.values()))
        await asyncio.sleep(0.8)
        assert not acks.said
    assert not lines(capsys.readouterr().out, "subscriptions_unconfirmed")


ALONE = [name for name in all_exchanges() if load(name).capabilities.copies == 1]
ACKING = [name for name in ALONE if load(name).capabilities.confirms]
SILENT = [name for name in ALONE if not load(name).capabilities.confirms]


@pytest.mark.parametrize("name", ACKING)
async def test_an_ack_proves_a_subscription_and_so_does_a_trade_without_one(
    name: str, tmp_path: Path
) -> None:
    async with served(rate=400) as sim:
        await sim.order(f"{name}/unsay", count=1)
        async with watched(sim, name, tmp_path) as (capture, acks):
            await until(lambda: bool(capture.heard))
            await until(lambda: all(each.trades for each in capture.heard.values()))
            await asyncio.sleep(0.6)
            proved = [each.proved >= each.asked for each in capture.heard.values()]

            assert sorted(proved) == [False, *[True] * (len(proved) - 1)]
            assert all(each.confirmed for each in capture.heard.values())
            assert not acks.said


@pytest.mark.parametrize("name", ACKING)
async def test_what_is_neither_confirmed_nor_heard_of_is_named_once(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(rate=QUIET) as sim:
        await sim.order(f"{name}/ignore", count=1)
        async with watched(sim, name, tmp_path) as (capture, acks):
            await until(lambda: bool(acks.said))
            (dead,) = acks.said
            await asyncio.sleep(0.5)
            (line,) = lines(capsys.readouterr().out, "subscriptions_unconfirmed")
            assert dead in line and f"BULLION_{name.upper()}_SYMBOLS" in line
            assert {n for n, each in capture.heard.items() if not each.confirmed} == {
                dead
            }

            capture.renew(dead)
            await until(lambda: capture.heard[dead].confirmed and not acks.said)
            (line,) = lines(capsys.readouterr().out, "subscriptions_confirmed")
            assert dead in line

            await sim.order(f"{name}/ignore", count=1)
            capture.renew(dead)
            await until(lambda: acks.said == {dead})


@pytest.mark.parametrize("name", SILENT)
async def test_without_acks_a_symbol_is_named_once_rest_has_what_should_have_come(
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingestion.stall.SETTLED", timedelta(seconds=0.1))
    async with served(rate=400) as sim:
        await sim.order(f"{name}/ignore", count=1)
        async with watched(sim, name, tmp_path, stall=0.5) as (capture, acks):
            await until(lambda: bool(acks.said))
            (dead,) = acks.said
            assert not capture.heard[dead].trades
            # It is subscribed anew as soon as REST has moved on.
            await until(lambda: capture.heard[dead].confirmed and not acks.said)
    (line,) = lines(capsys.readouterr().out, "subscriptions_unconfirmed")
    assert dead in line


@pytest.mark.parametrize(
    "name", [name for name in SILENT if not load(name).capabilities.replay]
)
async def test_without_acks_a_quiet_symbol_is_proved_by_rest(
    name: str, tmp_path: Path
) -> None:
    async with served(rate=QUIET) as sim:
        async with watched(sim, name, tmp_path, stall=0.5) as (capture, acks):
            await until(lambda: bool(capture.heard))
            await until(lambda: all(each.confirmed for each in capture.heard.values()))
            assert any(not each.trades for each in capture.heard.values())
            assert not acks.said and capture.tally.connections == 1


@pytest.mark.parametrize("name", ACKING)
async def test_a_refusal_is_said_once_and_is_over_once_it_is_served(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(rate=QUIET) as sim:
        await sim.order(f"{name}/refuse", count=2)
        async with watched(sim, name, tmp_path) as (capture, acks):
            await until(lambda: len(capture.tally.refused) == 2)
            refused = set(capture.tally.refused)
            await asyncio.sleep(0.6)
            assert not acks.said and refused < capture.heard.keys()

            await sim.order(f"{name}/refuse", count=1)
            await sim.order(f"{name}/drop")
            await until(lambda: len(capture.tally.refused) == 1)
            assert set(capture.tally.refused) < refused
            said = lines(capsys.readouterr().out, "symbol_refused")
            assert len(said) == 2 and all("_SYMBOLS" in line for line in said)
