"""Faults on order, and a truth that knows of them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from aiohttp import WSMsgType

from tests.simulator.served import BINANCE, frames, served, trades
from tests.simulator.tiny import write

ROOT = Path(__file__).parents[2]


async def test_garbage_reaches_every_connection_as_it_is() -> None:
    async with served(rate=1) as one, one.ws("/kraken/v2") as ws:
        await one.order("kraken/garbage", frame="\x00 not {json")
        await one.order("kraken/garbage")
        url = f"{one.url}/control/kraken/garbage"
        await one.http.post(url, data="raw text", headers={"Content-Type": "text/x"})
        told = [text for text in await frames(ws, 8) if "heartbeat" not in text]

    assert told[1] == "\x00 not {json"
    assert told[2].startswith('{"channel":"trade"')
    assert told[3] == "raw text"


async def test_a_spike_is_in_the_stream_in_rest_and_in_the_truth_for_good(
    tmp_path: Path,
) -> None:
    rest = "/binance/api/v3/historicalTrades"
    async with served(state=tmp_path) as one, one.ws(BINANCE) as ws:
        await trades(ws, 1)
        order = await one.order("binance/spike", symbol="BTCUSDT", factor=1000)
        spiked = order["trade_id"]
        told = {trade["t"]: trade["p"] for trade in await trades(ws, 60)}
    async with served(state=tmp_path, rate=None, seed=None) as one:
        rows = await one.get(rest, symbol="BTCUSDT", fromId=spiked, limit=2)
        span = {"from_id": spiked, "to_id": spiked}
        (truth,) = await one.truth("binance", symbol="BTCUSDT", **span)

    assert Decimal(told[spiked]) > 50_000_000 > Decimal(told[spiked + 1])
    assert rows[0]["price"] == truth["price"] == told[spiked]
    assert Decimal(rows[1]["price"]) < 200_000


async def test_a_spike_of_a_recording_changes_one_frame(tmp_path: Path) -> None:
    feed = f"recorded={write(tmp_path / 'tiny')}"
    async with served(feed, state=tmp_path / "state") as one:
        await one.order("binance/spike", symbol="BTCUSDT", factor="0.5")
        async with one.ws(BINANCE) as ws:
            first, second = await trades(ws, 2)
            truth = await one.truth("binance")

    assert first["p"] == truth[0]["price"] == "45000.25000000"
    assert second["p"] == "90001.50000000"


async def test_a_senseless_order_is_refused_with_what_was_expected() -> None:
    async with served() as one:
        url = f"{one.url}/control/binance/spike"
        async with one.http.post(url, json={"symbol": "NO", "factor": 2}) as answer:
            assert answer.status == 400 and "BTCUSDT" in await answer.text()
        async with one.http.get(f"{one.url}/control/truth/nobody") as answer:
            assert answer.status == 404 and "kraken" in await answer.text()


async def test_connections_are_cut_or_closed_on_order() -> None:
    async with served() as one:
        async with one.ws(BINANCE) as ws:
            await trades(ws, 1)
            await one.order("binance/drop")
            async with asyncio.timeout(5):
                while (await ws.receive()).type == WSMsgType.TEXT:
                    continue
            assert ws.close_code == 1006
        async with one.ws(BINANCE) as ws:
            await trades(ws, 1)
            dropped = asyncio.ensure_future(one.order("binance/drop", code=1012))
            async with asyncio.timeout(5):
                while (await ws.receive()).type == WSMsgType.TEXT:
                    continue
            await dropped
            assert ws.close_code == 1012
        async with one.ws(BINANCE) as ws:
            await trades(ws, 1)


async def test_the_truth_begins_with_the_first_start(tmp_path: Path) -> None:
    async with served(state=tmp_path) as one, one.ws(BINANCE) as ws:
        first = await trades(ws, 10)
    async with served(state=tmp_path) as one:
        truth = await one.truth("binance", symbol="BTCUSDT")

    ids = [line["trade_id"] for line in truth]
    assert ids == list(range(ids[0], ids[-1] + 1))
    assert ids[0] <= first[0]["t"] and len(ids) < 5_000
    frames = {line["trade_id"]: json.loads(line["frame"])["data"] for line in truth}
    assert all(frames[trade["t"]] == trade for trade in first)


def test_sigterm_ends_the_program_cleanly(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "simulator", "--port", "0", "--state", str(tmp_path)]
    program = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert program.stderr is not None
    assert json.loads(program.stderr.readline())["event"] == "listening"
    os.kill(program.pid, signal.SIGTERM)
    _, said = program.communicate(timeout=10)

    assert program.returncode == 0
    assert json.loads(said.splitlines()[-1])["event"] == "ended"


def test_a_wrong_argument_says_what_is_possible() -> None:
    words = [sys.executable, "-m", "simulator", "--port", "0", "--feed", "live"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=20)

    assert done.returncode == 1
    assert "recorded=PATH" in json.loads(done.stderr.splitlines()[-1])["why"]
