"""Faults on order, and a truth that knows of them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from tests.simulator.served import BINANCE, frames, served, subscribe, trades
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


async def test_what_is_sent_can_be_doubled_swapped_held_and_swallowed() -> None:
    async with served(rate=400) as one, one.ws(BINANCE) as ws:
        await trades(ws, 20)
        await one.order("binance/duplicate", count=5)
        ids = await told_until(ws, lambda ids, _: len(ids) == len(set(ids)) + 5)
        assert set(range(min(ids), max(ids) + 1)) == set(ids)

        await one.order("binance/reorder", count=30)
        ids = await told_until(ws, lambda ids, _: ids != sorted(ids))
        ids += [trade["t"] for trade in await trades(ws, 100)]
        late = sum(before > after for before, after in pairwise(ids))
        assert len(ids) == len(set(ids)) and 10 < late <= 16
        assert set(range(min(ids), max(ids) + 1)) == set(ids)

        await one.order("binance/delay", seconds=0.6)
        later = await told_until(ws, lambda _, silence: silence > 0.4)
        assert later == list(range(max(ids) + 1, max(later) + 1))

        await one.order("binance/mute")
        with suppress(TimeoutError):
            while True:
                await ws.receive(timeout=0.3)
        assert not ws.closed


async def told_until(
    ws: ClientWebSocketResponse, enough: Callable[[list[int], float], bool]
) -> list[int]:
    """Return the ids that come until they, or the last silence in s, are enough."""
    ids: list[int] = []
    clock = asyncio.get_running_loop().time
    silence = 0.0
    while not enough(ids, silence):
        heard = clock()
        ids += [trade["t"] for trade in await trades(ws, 1)]
        silence = clock() - heard
        assert len(ids) < 5_000, "it never came"
    return ids


async def test_trades_share_a_frame_or_do_not_on_order() -> None:
    async with served(rate=2000) as one:
        async with one.ws("/kraken/v2", subscribe("BTC/USD")) as ws:
            await one.order("kraken/split", seconds=0.5)
            sizes = [
                len(json.loads(text)["data"])
                for text in await frames(ws, 40)
                if '"update"' in text and '"trade"' in text
            ]
            assert set(sizes[5:]) == {1}


async def test_subscriptions_and_handshakes_are_refused_as_often_as_ordered() -> None:
    async with served() as one:
        await one.order("kraken/refuse", count=1)
        for refused in (True, False):
            async with one.ws("/kraken/v2", subscribe("BTC/USD")) as ws:
                told = "".join(await frames(ws, 3))
                assert ('"success":false' in told) == refused
        await one.order("binance/refuse", status=429, count=1)
        with pytest.raises(WSServerHandshakeError, match="429"):
            async with one.ws(BINANCE):
                pass
        async with one.ws(BINANCE) as ws:
            await trades(ws, 1)


async def test_rest_fails_as_ordered_and_then_no_more() -> None:
    path = "/binance/api/v3/trades?symbol=BTCUSDT"
    async with served() as one:
        await one.order("binance/rest", status=429, retry_after=7)
        await one.order("binance/rest", status=503, count=2)
        await one.order("binance/rest", cut=True)
        await one.order("binance/rest", empty=True)
        told = []
        for _ in range(6):
            async with one.http.get(one.url + path) as answer:
                told.append((answer.status, answer.headers.get("Retry-After")))
                text = await answer.text()
                told[-1] += (text.endswith("]"),)
        await one.order("kraken/rest", status=429)
        async with one.http.get(f"{one.url}/kraken/0/public/Time") as answer:
            busy = (answer.status, await answer.text())

    assert told == [
        (429, "7", False),
        (503, None, False),
        (503, None, False),
        (200, None, False),
        (200, None, False),
        (200, None, True),
    ]
    assert busy == (200, '{"error":["EGeneral:Too many requests"]}')


async def test_ids_that_are_lost_are_nowhere_not_even_after_a_restart(
    tmp_path: Path,
) -> None:
    path = "/binance/api/v3/historicalTrades"
    async with served(state=tmp_path) as one, one.ws(BINANCE) as ws:
        order = await one.order("binance/lose", symbol="BTCUSDT", count=3)
        first = order["first_id"]
        ids = {trade["t"] for trade in await trades(ws, 60)}
    async with served(state=tmp_path, rate=None, seed=None) as one:
        rows = await one.get(path, symbol="BTCUSDT", fromId=first - 1, limit=6)
        truth = await one.truth("binance", symbol="BTCUSDT", from_id=first - 1)

    gone = set(range(first, first + 3))
    assert first - 1 in ids | {rows[0]["id"]} and not gone & ids
    assert [row["id"] for row in rows] == [first - 1, first + 3, first + 4]
    assert not gone & {line["trade_id"] for line in truth}


async def test_a_seed_gives_the_same_faults_again() -> None:
    done = []
    for _ in range(2):
        async with served() as one, one.ws(BINANCE):
            order = {"seed": 5, "faults": 40, "every": 0.001}
            async with one.http.post(f"{one.url}/control/torture", json=order) as said:
                assert said.status == 200
            async with asyncio.timeout(20):
                while (told := await one.get("/control/torture"))["left"]:
                    await asyncio.sleep(0.05)
            done.append(told["done"])

    assert done[0] == done[1]
    assert sum(map(int, done[0].values())) == 40 and len(done[0]) > 12


async def test_an_order_that_nobody_knows_says_what_there_is() -> None:
    async with served() as one:
        for path, order, said in (
            ("binance/explode", {}, "mute"),
            ("binance/omit", {"symbol": "BTCUSDT", "count": 0}, "above 0"),
            ("binance/delay", {"seconds": 1e9}, "between 0 and"),
            ("binance/rest", {}, '"status": 503'),
            ("binance/skew", {"seconds": -1000}, "between -120 and 120"),
            ("binance/refuse", {"status": 200}, "503"),
            ("torture", {"seed": 1}, '"every": 8'),
        ):
            url = f"{one.url}/control/{path}"
            async with one.http.post(url, json=order) as answer:
                assert answer.status in (400, 404) and said in await answer.text()


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


async def test_a_clock_is_off_for_those_who_ask_rest_and_no_trade_is() -> None:
    async with served(rate=400) as one:
        for exchange in ("binance", "kraken"):
            await one.order(f"{exchange}/skew", seconds=-30)
        binance = (await one.get("/binance/api/v3/time"))["serverTime"] / 1000
        kraken = (await one.get("/kraken/0/public/Time"))["result"]["unixtime"]
        now = time.time()
        while not (issued := await one.truth("kraken")):
            await asyncio.sleep(0.05)
        newest = max(trade["time_us"] for trade in issued)

    assert -32 < binance - now < -29 and -32 < kraken - now < -29
    assert abs(now - newest / 10**6) < 5
