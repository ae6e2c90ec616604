"""Binance's habits: silent acceptance, pings with a payload, and codes of errors."""

import asyncio
import json

from aiohttp import WSMsgType

from simulator.pace import Pace
from tests.simulator.served import BINANCE, frames, served, trades


async def test_any_stream_is_accepted_and_unknown_ones_stay_silent() -> None:
    async with served() as one, one.ws("/binance/stream?streams=nosuch@trade") as ws:
        await ws.send_str('{"method":"SUBSCRIBE","params":["never@trade"],"id":"x"}')
        await ws.send_str('{"method":"LIST_SUBSCRIPTIONS","id":2}')
        acks = await frames(ws, 2)
        message = await asyncio.wait({asyncio.ensure_future(ws.receive())}, timeout=0.5)

    assert acks == [
        '{"result":null,"id":"x"}',
        '{"result":["nosuch@trade","never@trade"],"id":2}',
    ]
    assert not message[0]


async def test_a_subscription_begins_and_ends_on_request() -> None:
    async with served() as one, one.ws("/binance/stream") as ws:
        await ws.send_str('{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":1}')
        assert await frames(ws, 1) == ['{"result":null,"id":1}']
        assert {trade["s"] for trade in await trades(ws, 5)} == {"ETHUSDT"}
        await ws.send_str('{"method":"UNSUBSCRIBE","params":["ethusdt@trade"],"id":2}')
        await ws.send_str('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":3}')
        told = [json.loads(text) for text in await frames(ws, 40)]

    acked = told.index({"result": None, "id": 2})
    assert {one["data"]["s"] for one in told[acked:] if "data" in one} == {"BTCUSDT"}


async def test_a_senseless_request_is_refused_with_code_2() -> None:
    async with served() as one, one.ws(
        "/binance/stream", {"method": "X", "id": 9}
    ) as w:
        (text,) = await frames(w, 1)

    said = json.loads(text)
    assert said["error"]["code"] == 2 and said["id"] == 9


async def test_a_raw_stream_is_not_wrapped_and_micros_are_told_on_request() -> None:
    path = "/binance/ws/btcusdt@trade?timeUnit=MICROSECOND"
    async with served() as one, one.ws(path) as ws:
        (text,) = await frames(ws, 1)

    told = json.loads(text)
    assert told["e"] == "trade" and len(str(told["T"])) == len(str(told["E"])) == 16


async def test_who_does_not_answer_pings_is_cut() -> None:
    pace = Pace(ping_every=0.2, pong_within=0.5)
    async with served(pace=pace) as one, one.ws(BINANCE, autoping=False) as ws:
        kinds = []
        async with asyncio.timeout(5):
            while not ws.closed:
                message = await ws.receive()
                kinds.append(message.type)
                if message.type == WSMsgType.PING:
                    assert message.data.isdigit()

    assert WSMsgType.PING in kinds
    assert ws.close_code == 1006


async def test_who_answers_pings_stays() -> None:
    pace = Pace(ping_every=0.1, pong_within=0.3, messages_per_second=50)
    async with served(pace=pace) as one, one.ws(BINANCE) as ws:
        async with asyncio.timeout(20):
            for _ in range(10):
                await trades(ws, 15)
        assert not ws.closed


async def test_a_talkative_client_is_disconnected() -> None:
    async with served() as one, one.ws("/binance/ws") as ws:
        for number in range(9):
            await ws.send_str(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
        async with asyncio.timeout(5):
            while (await ws.receive()).type == WSMsgType.TEXT:
                continue

    assert ws.close_code == 1008


async def test_a_connection_ends_after_its_day_with_notice() -> None:
    async with served(pace=Pace(life=0.6)) as one, one.ws("/binance/stream") as ws:
        (text,) = await frames(ws, 1)
        async with asyncio.timeout(5):
            message = await ws.receive()

    assert json.loads(text)["stream"] == "!serverShutdown"
    assert message.type == WSMsgType.CLOSE


async def test_errors_carry_http_400_and_a_code() -> None:
    async with served() as one:
        codes = []
        for query in ("symbol=NOSUCH", "", "symbol=BTCUSDT&limit=x"):
            url = f"{one.url}/binance/api/v3/trades?{query}"
            async with one.http.get(url) as answer:
                codes.append((answer.status, (await answer.json())["code"]))
                assert int(answer.headers["X-MBX-USED-WEIGHT-1M"]) >= 25

    assert codes == [(400, -1121), (400, -1102), (400, -1100)]


async def test_the_weight_of_a_minute_is_limited() -> None:
    async with served(pace=Pace(weight_per_minute=20)) as one:
        async with one.http.get(f"{one.url}/binance/api/v3/trades") as answer:
            assert answer.status == 429
            assert 0 < int(answer.headers["Retry-After"]) <= 60


async def test_the_catalogue_names_base_and_quote() -> None:
    async with served() as one:
        info = await one.get("/binance/api/v3/exchangeInfo")
        clock = await one.get("/binance/api/v3/time")
        newest = await one.get("/binance/api/v3/aggTrades", symbol="BTCUSDT", limit=1)

    legs = [(x["symbol"], x["baseAsset"], x["quoteAsset"]) for x in info["symbols"]]
    assert ("BTCUSDT", "BTC", "USDT") in legs and len(legs) == 3
    assert len(str(clock["serverTime"])) == 13
    assert newest[0]["l"] > 6_000_000_000
