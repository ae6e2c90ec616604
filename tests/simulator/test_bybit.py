"""Bybit's habits: ten topics a request, frames of one symbol, sixty trades by REST."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from simulator.bybit.frames import LARGEST, texts
from simulator.hub import Connection
from simulator.trade import Trade
from tests.simulator.served import QUICK, frames, served

STREAM = "/bybit/v5/public/spot"
RECENT = "/bybit/v5/market/recent-trade"
ALL = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def subscribe(*symbols: str, op: str = "subscribe") -> dict[str, object]:
    return {
        "req_id": "7",
        "op": op,
        "args": [f"publicTrade.{each}" for each in symbols],
    }


async def told(ws: ClientWebSocketResponse, count: int) -> list[Any]:
    """Return the next frames of trades."""
    found: list[Any] = []
    while len(found) < count:
        (text,) = await frames(ws, 1)
        frame = json.loads(text)
        if "topic" in frame:
            found.append(frame)
    return found


async def test_a_request_is_answered_with_its_number_and_nothing_is_repeated() -> None:
    async with served() as one, one.ws(STREAM) as ws:
        before = (await one.get("/control/state"))["bybit"]["last"]
        await ws.send_json(subscribe(*ALL))
        (text,) = await frames(ws, 1)
        fresh = await told(ws, 30)
        # A burst is all of one symbol.
        while len({frame["topic"] for frame in fresh}) < len(ALL):
            fresh += await told(ws, 1)

    reply = json.loads(text)
    ident = reply.pop("conn_id")
    assert ident and reply == {
        "success": True,
        "ret_msg": "",
        "req_id": "7",
        "op": "subscribe",
    }
    for symbol in ALL:
        ids = [
            int(each["i"])
            for frame in fresh
            for each in frame["data"]
            if each["s"] == symbol
        ]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert ids[0] > int(before[symbol])


async def test_a_frame_holds_trades_of_one_symbol_in_text_and_whole_milliseconds() -> (
    None
):
    async with served(rate=1000, exchanges=["bybit"]) as one, one.ws(
        STREAM, subscribe(*ALL)
    ) as ws:
        told_now = await told(ws, 60)

    assert {frame["type"] for frame in told_now} == {"snapshot"}
    assert any(len(frame["data"]) > 1 for frame in told_now)
    for frame in told_now:
        assert {f"publicTrade.{each['s']}" for each in frame["data"]} == {
            frame["topic"]
        }
        for each in frame["data"]:
            assert all(isinstance(each[name], str) for name in "ipvS")
            assert isinstance(each["T"], int) and each["T"] < 10**14
            assert each["S"] in ("Buy", "Sell")


async def test_the_side_is_the_takers() -> None:
    async with served() as one, one.ws(STREAM, subscribe("BTCUSDT")) as ws:
        data = [each for frame in await told(ws, 20) for each in frame["data"]]
        span = {"from_id": data[0]["i"], "to_id": data[-1]["i"]}
        truth = await one.truth("bybit", symbol="BTCUSDT", **span)

    assert [each["S"].lower() for each in data] == [one["side"] for one in truth]


def test_a_frame_has_no_more_than_1024_trades() -> None:
    trades = [
        Trade("BTCUSDT", number, "1.0", "1.00000000", number, "buy", "limit")
        for number in range(1, 2 * LARGEST + 2)
    ]
    listener = Connection.__new__(Connection)
    listener.follows = {"BTCUSDT": 0}
    sizes = [len(json.loads(text)["data"]) for text in texts(listener, [trades])]

    assert sizes == [LARGEST, LARGEST, 1]


async def test_more_than_ten_topics_and_unknown_symbols_are_refused_as_a_whole() -> (
    None
):
    wrong = [
        subscribe(*["BTCUSDT"] * 11),
        subscribe("BTCUSDT", "XBTUSDT"),
        {"op": "subscribe", "args": ["tickers.BTCUSDT"]},
        {"op": "subscribe"},
        {"op": "dance"},
        [1],
    ]
    async with served() as one, one.ws(STREAM, *wrong) as ws:
        replies = [json.loads(text) for text in await frames(ws, len(wrong))]
        follows = [each.follows for each in one.server.hubs["bybit"].connections]

    assert [reply["success"] for reply in replies] == [False] * len(wrong)
    assert replies[0]["ret_msg"] == "args size >10"
    assert replies[1]["ret_msg"] == "Invalid symbol :[publicTrade.XBTUSDT]"
    assert follows == [{}]


async def test_what_is_unsubscribed_flows_no_more() -> None:
    async with served() as one, one.ws(STREAM, subscribe("BTCUSDT", "ETHUSDT")) as ws:
        await told(ws, 5)
        await ws.send_json(subscribe("BTCUSDT", op="unsubscribe"))
        while "unsubscribe" not in (await frames(ws, 1))[0]:
            pass
        later = await told(ws, 20)

    assert {frame["topic"] for frame in later} == {"publicTrade.ETHUSDT"}


async def test_whoever_pings_is_kept_and_the_mute_are_cut() -> None:
    pace = replace(QUICK, idle_for=0.5)
    async with served(pace=pace) as one:
        async with one.ws(STREAM) as mute, one.ws(STREAM) as pinging:
            ends = asyncio.create_task(mute.receive())
            while not ends.done():
                await pinging.send_json({"req_id": "9", "op": "ping"})
                pong = json.loads((await frames(pinging, 1))[0])
                assert (pong["ret_msg"], pong["op"]) == ("pong", "ping")
                await asyncio.wait([ends], timeout=0.1)
            assert ends.result().type == WSMsgType.CLOSE
            assert not pinging.closed


async def test_rest_has_the_newest_sixty_and_no_older_ones() -> None:
    asked = {"category": "spot", "symbol": "BTCUSDT"}
    async with served(rate=60) as one, one.ws(STREAM, subscribe("BTCUSDT")) as ws:
        streamed = [each for frame in await told(ws, 8) for each in frame["data"]]
        answer = await one.get(RECENT, **asked)
        few = await one.get(RECENT, **asked, limit=2)

    assert (answer["retCode"], answer["retMsg"]) == (0, "OK")
    rows = answer["result"]["list"]
    ids = [int(row["execId"]) for row in rows]
    assert ids == list(range(ids[0], ids[0] - 60, -1))
    assert len(few["result"]["list"]) == 2
    by_id = {row["execId"]: row for row in rows}
    for each in streamed[-5:]:
        row = by_id[each["i"]]
        assert (row["price"], row["size"]) == (each["p"], each["v"])
        assert (row["side"], row["time"]) == (each["S"], str(each["T"]))


async def test_rest_errors_come_in_http_200() -> None:
    async with served() as one:
        for wrong in (
            {"category": "spot", "symbol": "NOSUCH"},
            {"category": "linear", "symbol": "BTCUSDT"},
            {"category": "spot", "symbol": "BTCUSDT", "limit": "61"},
        ):
            async with one.http.get(one.url + RECENT, params=wrong) as answer:
                assert answer.status == 200
                assert (await answer.json())["retCode"] == 10001
        await one.order("bybit/rest", status=429)
        assert (await one.get(RECENT))["retCode"] == 10006
        path = "/bybit/v5/market/instruments-info"
        listed = (await one.get(path, category="spot"))["result"]["list"]

    assert {(each["symbol"], each["status"]) for each in listed} == {
        (symbol, "Trading") for symbol in ALL
    }
