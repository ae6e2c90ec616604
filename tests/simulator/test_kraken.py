"""Kraken's habits: status first, a reply for each symbol, snapshots and heartbeats."""

import json

from tests.simulator.served import KRAKEN, frames, served, subscribe, trades


async def test_status_comes_first_then_a_reply_for_each_symbol_then_one_snapshot() -> (
    None
):
    asked = subscribe("BTC/USD", "XBT/USD", "ETH/USD", snapshot=True)
    async with served() as one, one.ws(KRAKEN, asked) as ws:
        status, *replies, snapshot = map(json.loads, await frames(ws, 5))
        fresh = await trades(ws, 30)

    assert status["channel"] == "status" and status["data"][0]["system"] == "online"
    assert [(reply["success"], reply.get("error")) for reply in replies] == [
        (True, None),
        (False, "Currency pair not supported XBT/USD"),
        (True, None),
    ]
    assert replies[1]["symbol"] == "XBT/USD"
    assert replies[0]["result"]["symbol"] == "BTC/USD"
    assert snapshot["type"] == "snapshot" and len(snapshot["data"]) == 100
    for symbol in ("BTC/USD", "ETH/USD"):
        ids = [x["trade_id"] for x in snapshot["data"] + fresh if x["symbol"] == symbol]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_numbers_are_json_numbers_with_fixed_decimals() -> None:
    async with served() as one, one.ws(KRAKEN, subscribe("BTC/USD")) as ws:
        told = [text for text in await frames(ws, 12) if '"trade_id"' in text]

    for text in told:
        for trade in json.loads(text, parse_float=lambda digits: f"number {digits}")[
            "data"
        ]:
            assert len(trade["price"].partition(".")[2]) == 1
            assert len(trade["qty"].partition(".")[2]) == 8
            assert trade["qty"].startswith("number ")


async def test_several_trades_of_several_symbols_share_a_frame() -> None:
    asked = subscribe("BTC/USD", "ETH/USD", "BTC/USDT")
    async with served(rate=4000) as one, one.ws(KRAKEN, asked) as ws:
        told = [json.loads(text) for text in await frames(ws, 60)]

    data = [frame["data"] for frame in told if frame.get("channel") == "trade"]
    assert any(len({trade["symbol"] for trade in found}) > 1 for found in data)


async def test_a_heartbeat_comes_while_nothing_flows() -> None:
    async with served() as one, one.ws(KRAKEN) as ws:
        _, first, second = await frames(ws, 3)

    assert first == second == '{"channel":"heartbeat"}'


async def test_ping_is_answered_with_its_number() -> None:
    async with served() as one, one.ws(KRAKEN, {"method": "ping", "req_id": 42}) as ws:
        _, text = await frames(ws, 2)

    pong = json.loads(text)
    assert (pong["method"], pong["req_id"]) == ("pong", 42)


async def test_what_makes_no_sense_is_refused() -> None:
    wrong = [
        {"method": "dance"},
        {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD"]}},
        [1],
        {
            "method": "unsubscribe",
            "params": {"channel": "trade", "symbol": ["BTC/USD"]},
        },
    ]
    async with served() as one, one.ws(KRAKEN, *wrong) as ws:
        _, *replies = map(json.loads, await frames(ws, 5))

    assert [reply["success"] for reply in replies] == [False] * 4


async def test_the_instrument_channel_and_asset_pairs_name_the_same_pairs() -> None:
    asked = {"method": "subscribe", "params": {"channel": "instrument"}}
    async with served() as one, one.ws(KRAKEN, asked) as ws:
        _, _, text = await frames(ws, 3)
        pairs = (await one.get("/kraken/0/public/AssetPairs"))["result"]

    symbols = {pair["symbol"] for pair in json.loads(text)["data"]["pairs"]}
    assert symbols == {"BTC/USD", "ETH/USD", "BTC/USDT"}
    assert {pair["wsname"].replace("XBT", "BTC") for pair in pairs.values()} == symbols


async def test_rest_errors_come_in_http_200() -> None:
    async with served() as one:
        url = f"{one.url}/kraken/0/public/Trades"
        async with one.http.get(url, params={"pair": "NOSUCH"}) as answer:
            assert answer.status == 200
            assert await answer.json() == {"error": ["EQuery:Unknown asset pair"]}
        clock = await one.get("/kraken/0/public/Time")

    assert clock["error"] == [] and clock["result"]["unixtime"] > 1_700_000_000
