"""The recorded feed: every frame, in order, byte for byte, whoever restarts."""

import gzip
import json
import time
from decimal import Decimal
from pathlib import Path

import pytest

from simulator.feeds import feeds
from simulator.pace import Pace
from tests.simulator.served import (
    BINANCE,
    KRAKEN,
    TINY,
    acknowledge,
    frames,
    served,
    subscribe,
    trades,
)
from tests.simulator.tiny import FIRST_ID, FRAMES, ROWS, write

DATA = Path(__file__).parents[3] / "shared/data"
ASKED = subscribe("BTC/USDT", snapshot=True)


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    return f"recorded={write(tmp_path / 'tiny')}"


async def test_frames_are_sent_as_they_were_recorded(tiny: str) -> None:
    async with served(tiny) as one, one.ws(BINANCE) as ws:
        assert await frames(ws, TINY) == FRAMES


async def test_rows_become_frames_with_the_digits_of_the_row(tiny: str) -> None:
    async with served(tiny) as one, one.ws(KRAKEN, ASKED) as ws:
        told = await trades(ws, len(ROWS))

    assert {trade["type"] for trade in told} == {"update"}
    for trade, row in zip(told, ROWS, strict=True):
        price, volume, seconds, side, order, _, trade_id = row
        assert (trade["price"], trade["qty"]) == (price, volume)
        assert trade["trade_id"] == trade_id
        assert (trade["side"][0], trade["ord_type"][0]) == (side, order)
        micros = int(Decimal(repr(seconds)) * 10**6) % 10**6
        assert trade["timestamp"].endswith(f".{micros:06d}Z")


async def test_trades_of_one_millisecond_share_a_frame(tiny: str) -> None:
    async with served(tiny) as one, one.ws(KRAKEN, ASKED) as ws:
        told = [json.loads(text) for text in await frames(ws, 2 + len(ROWS) // 3)]

    assert [len(frame["data"]) for frame in told[2:]] == [3] * (len(ROWS) // 3)


async def test_a_late_subscriber_gets_the_last_fifty_and_silence(tiny: str) -> None:
    async with served(tiny) as one:
        async with one.ws(KRAKEN, ASKED) as ws:
            await trades(ws, len(ROWS))
            await acknowledge(ws)
        async with one.ws(KRAKEN, ASKED) as ws:
            told = [json.loads(text) for text in await frames(ws, 5)]

    assert told[2]["type"] == "snapshot"
    assert [trade["trade_id"] for trade in told[2]["data"]] == [
        row[6] for row in ROWS[-50:]
    ]
    assert told[3:] == [{"channel": "heartbeat"}] * 2


async def test_a_reconnect_goes_on_and_omits_nothing(tiny: str) -> None:
    async with served(tiny, speed="2") as one:
        async with one.ws(BINANCE) as ws:
            first = [trade["t"] for trade in await trades(ws, 60)]
        async with one.ws(BINANCE) as ws:
            then = [trade["t"] for trade in await trades(ws, 20)]

    assert first == list(range(FIRST_ID, FIRST_ID + 60))
    assert FIRST_ID < then[0] <= FIRST_ID + 60
    assert then == list(range(then[0], then[0] + 20))


async def test_a_restart_goes_on_and_omits_nothing(tiny: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with served(tiny, speed="2", state=state) as one, one.ws(BINANCE) as ws:
        first = [trade["t"] for trade in await trades(ws, 60)]
        while one.server.hubs["binance"].feed.position < 70:
            await trades(ws, 1)
    async with served(tiny, state=state) as one, one.ws(BINANCE) as ws:
        (began,) = await trades(ws, 1)
        rest = await trades(ws, FIRST_ID + TINY - began["t"] - 1)

    assert first[0] < began["t"] <= FIRST_ID + 72
    assert rest[-1]["t"] == FIRST_ID + TINY - 1


async def test_a_finished_replay_stays_finished(tiny: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with served(tiny, state=state) as one, one.ws(BINANCE) as ws:
        await frames(ws, TINY)
        await acknowledge(ws)
    async with served(tiny, state=state) as one, one.ws(BINANCE) as ws:
        await ws.send_str('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        (text,) = await frames(ws, 1)

    assert '"id":1' in text


async def test_nothing_happens_before_somebody_listens(tiny: str) -> None:
    async with served(tiny) as one:
        path = "/binance/api/v3/trades"
        assert await one.get(path, symbol="BTCUSDT") == []
        assert await one.truth("binance") == []
        async with one.ws(BINANCE) as ws:
            await frames(ws, TINY)
            await acknowledge(ws)
        rows = await one.get(path, symbol="BTCUSDT", limit=1000)
        truth = await one.truth("binance")
        info = await one.get("/binance/api/v3/exchangeInfo")
        pairs = await one.get("/kraken/0/public/AssetPairs")

    assert [line["frame"] for line in truth] == FRAMES
    assert [row["id"] for row in rows] == [line["trade_id"] for line in truth]
    assert [listed["symbol"] for listed in info["symbols"]] == ["BTCUSDT"]
    assert list(pairs["result"]) == ["XBTUSDT"]


async def test_a_recording_keeps_its_pace(tiny: str) -> None:
    async with served(tiny, speed="10x") as one, one.ws(BINANCE) as ws:
        began = time.monotonic()
        await frames(ws, 101)

    # A hundred steps of 25 ms, ten times as fast.
    assert time.monotonic() - began >= 0.24


async def test_retimed_trades_are_of_now_and_keep_their_distances(
    tiny: str, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with served(tiny, retime=True, state=state) as one, one.ws(BINANCE) as ws:
        told = [json.loads(text)["data"] for text in await frames(ws, TINY)]
        truth = await one.truth("binance")
        shift = (await one.get("/control/state"))["binance"]["shift_ms"]
    async with served(tiny, retime=True, state=state) as one:
        again = (await one.get("/control/state"))["binance"]["shift_ms"]

    olds = [json.loads(text)["data"] for text in FRAMES]
    assert {new["T"] - old["T"] for new, old in zip(told, olds, strict=True)} == {shift}
    assert {new["E"] - old["E"] for new, old in zip(told, olds, strict=True)} == {shift}
    assert [new["p"] for new in told] == [old["p"] for old in olds]
    assert abs(told[-1]["T"] - time.time() * 1000) < 10_000
    assert truth[0]["time_us"] == told[0]["T"] * 1000
    assert again == shift


async def test_at_its_own_speed_a_retimed_recording_begins_now(tiny: str) -> None:
    async with served(tiny, retime=True, speed="1") as one, one.ws(BINANCE) as ws:
        (first,) = await trades(ws, 1)

    assert abs(first["T"] - time.time() * 1000) < 5_000


def test_a_path_without_a_recording_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"binance/\*.jsonl"):
        feeds(f"recorded={tmp_path}", state=None)
    broken = tmp_path / "x.jsonl"
    broken.write_text("1 {}\n")
    with pytest.raises(ValueError, match="cannot replay"):
        feeds(f"recorded={broken}", state=None)
    with pytest.raises(ValueError, match="--speed"):
        feeds(f"recorded={write(tmp_path / 'y')}", state=None, speed="fast")


@pytest.fixture
def shared() -> str:
    if not DATA.is_dir():
        pytest.skip("shared/data is not beside this checkout")
    return f"recorded={DATA}"


async def test_all_recorded_frames_arrive_byte_for_byte(shared: str) -> None:
    (file,) = (DATA / "binance").glob("*.jsonl.gz")
    with gzip.open(file, "rt") as lines:
        expected = [line.rstrip("\n").partition(" ")[2] for line in lines]
    async with served(shared, pace=Pace()) as one, one.ws(BINANCE) as ws:
        told = await frames(ws, len(expected))

    assert len(expected) == 19_904
    assert told == expected


async def test_all_recorded_rows_arrive_with_their_digits(shared: str) -> None:
    (file,) = (DATA / "kraken").glob("*.json")
    rows = json.loads(file.read_text(), parse_float=Decimal)["result"]["XBTUSDT"]
    async with served(shared) as one:
        async with one.ws(KRAKEN, ASKED) as ws:
            told = await trades(ws, len(rows))
            await acknowledge(ws)
        path = "/kraken/0/public/Trades"
        page = await one.get(path, pair="XBTUSDT", since=0)
        truth = await one.truth("kraken")

    assert len(rows) == 1_000
    assert [(trade["trade_id"], trade["price"], trade["qty"]) for trade in told] == [
        (row[6], row[0], row[1]) for row in rows
    ]
    assert [line["time_us"] for line in truth] == [int(row[2] * 10**6) for row in rows]
    served_rows = page["result"]["XBTUSDT"]
    assert [(row[2], row[6]) for row in served_rows] == [
        (str(row[2]), row[6]) for row in rows
    ]
