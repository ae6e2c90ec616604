"""Coinbase's habits: subscribe at once, one answer, the maker's side, ids that page."""

import json
from dataclasses import replace
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.simulator.served import QUICK, frames, served

FEED = "/coinbase"
PRODUCTS = {"BTC-USD", "ETH-USD", "SOL-USD"}
HASTY = replace(QUICK, scale=0.1)
"""Half a second instead of five to subscribe, and a hundred requests a second."""


def subscribe(*products: str, channels: tuple[Any, ...] = ("matches",)) -> Any:
    return {
        "type": "subscribe",
        "product_ids": list(products),
        "channels": list(channels),
    }


async def told(ws: ClientWebSocketResponse, kind: str, count: int) -> list[Any]:
    """Return the next frames of a type."""
    found: list[Any] = []
    while len(found) < count:
        (text,) = await frames(ws, 1)
        frame = json.loads(text)
        if frame["type"] == kind:
            found.append(frame)
    return found


async def test_one_answer_names_all_channels_then_each_product_repeats_one_match() -> (
    None
):
    asked = subscribe("BTC-USD", "ETH-USD", channels=("matches", "heartbeat"))
    async with served() as one, one.ws(FEED, asked) as ws:
        answer, *repeated = map(json.loads, await frames(ws, 3))
        fresh = await told(ws, "match", 30)
        # A burst is all of one product.
        while len({one["product_id"] for one in fresh}) < 2:
            fresh += await told(ws, "match", 1)

    products = ["BTC-USD", "ETH-USD"]
    assert answer == {
        "type": "subscriptions",
        "channels": [
            {"name": "matches", "product_ids": products},
            {"name": "heartbeat", "product_ids": products},
        ],
    }
    assert [(one["type"], one["product_id"]) for one in repeated] == [
        ("last_match", product) for product in products
    ]
    for last in repeated:
        mine = [x["trade_id"] for x in fresh if x["product_id"] == last["product_id"]]
        first = last["trade_id"] + 1
        assert mine == list(range(first, first + len(mine)))


async def test_the_side_is_the_makers_and_numbers_are_text() -> None:
    async with served() as one, one.ws(FEED, subscribe("BTC-USD")) as ws:
        matches = await told(ws, "match", 40)
        span = {"from_id": matches[0]["trade_id"], "to_id": matches[-1]["trade_id"]}
        truth = await one.truth("coinbase", symbol="BTC-USD", **span)

    taken = {"buy": "sell", "sell": "buy"}
    assert [taken[one["side"]] for one in matches] == [one["side"] for one in truth]
    assert {one["side"] for one in matches} == {"buy", "sell"}
    assert all(isinstance(one["size"], str) for one in matches)
    assert [one["price"] for one in matches] == [one["price"] for one in truth]
    assert not any(one["size"].endswith("0") for one in matches if "." in one["size"])
    sequences = [one["sequence"] for one in matches]
    assert all(b > a + 1 for a, b in zip(sequences, sequences[1:], strict=False))


async def test_whoever_does_not_subscribe_in_time_is_cut() -> None:
    async with served(pace=HASTY) as one:
        async with one.ws(FEED) as mute, one.ws(FEED, subscribe("BTC-USD")) as heard:
            message = await mute.receive(timeout=5)
            assert message.type == WSMsgType.CLOSE
            await told(heard, "match", 30)
            assert not heard.closed


async def test_a_refused_request_is_no_subscription() -> None:
    async with served(pace=HASTY) as one:
        async with one.ws(FEED, subscribe("BTC-USD", "XBT-USD")) as ws:
            (text,) = await frames(ws, 1)
            message = await ws.receive(timeout=5)

    assert json.loads(text) == {
        "type": "error",
        "message": "Failed to subscribe",
        "reason": "XBT-USD is not a valid product",
    }
    assert message.type == WSMsgType.CLOSE


async def test_what_makes_no_sense_is_an_error() -> None:
    wrong = [
        {"type": "dance"},
        [1],
        subscribe("BTC-USD", channels=("level2",)),
        subscribe(channels=({"name": "matches", "product_ids": ["NO-SUCH"]},)),
    ]
    async with served() as one, one.ws(FEED, *wrong) as ws:
        replies = [json.loads(text) for text in await frames(ws, len(wrong))]

    assert {reply["type"] for reply in replies} == {"error"}
    assert replies[2]["reason"] == "level2 is not a valid channel"


async def test_heartbeats_come_for_each_product_beside_the_trades() -> None:
    channels = ("matches", {"name": "heartbeat", "product_ids": ["ETH-USD"]})
    async with served() as one:
        async with one.ws(FEED, subscribe("BTC-USD", channels=channels)) as ws:
            beats = await told(ws, "heartbeat", 3)

    assert {beat["product_id"] for beat in beats} == {"ETH-USD"}
    assert beats[0]["last_trade_id"] <= beats[-1]["last_trade_id"]


async def test_what_is_unsubscribed_flows_no_more() -> None:
    async with served() as one:
        async with one.ws(FEED, subscribe("BTC-USD", "ETH-USD")) as ws:
            await told(ws, "match", 5)
            await ws.send_json({**subscribe("BTC-USD"), "type": "unsubscribe"})
            (answer,) = await told(ws, "subscriptions", 1)
            later = await told(ws, "match", 20)

    assert answer["channels"] == [{"name": "matches", "product_ids": ["ETH-USD"]}]
    assert {one["product_id"] for one in later} == {"ETH-USD"}


async def test_rest_pages_downwards_from_an_id_and_pads_its_numbers() -> None:
    path = "/coinbase/products/BTC-USD/trades"
    async with served() as one:
        newest = await one.get(path, limit=2)
        older = await one.get(path, after=newest[-1]["trade_id"], limit=3)
        ahead = await one.get(path, after=newest[0]["trade_id"] + 10**6)
        products = await one.get("/coinbase/products")

    ids = [row["trade_id"] for row in newest + older]
    assert ids == list(range(ids[0], ids[0] - 5, -1))
    assert len(ahead) == 1000 and ahead[0]["trade_id"] >= ids[0]
    row = newest[0]
    assert (
        len(row["price"].partition(".")[2]) == 8 == len(row["size"].partition(".")[2])
    )
    assert {product["id"] for product in products} == PRODUCTS


async def test_a_page_is_full_though_ids_are_nobodys() -> None:
    path = "/coinbase/products/BTC-USD/trades"
    async with served() as one, one.ws(FEED, subscribe("BTC-USD")) as ws:
        first = (await one.order("coinbase/lose", symbol="BTC-USD", count=3))[
            "first_id"
        ]
        while (await told(ws, "match", 1))[0]["trade_id"] < first + 5:
            pass
        rows = await one.get(path, after=first + 5, limit=4)

    assert [row["trade_id"] for row in rows] == [
        first + 4,
        first + 3,
        first - 1,
        first - 2,
    ]


async def test_rest_says_no_with_a_status_and_a_sentence() -> None:
    async with served() as one:
        url = f"{one.url}/coinbase/products/NO-SUCH/trades"
        async with one.http.get(url) as answer:
            assert (answer.status, await answer.json()) == (
                404,
                {"message": "NotFound"},
            )
        url = f"{one.url}/coinbase/products/BTC-USD/trades?after=x"
        async with one.http.get(url) as answer:
            assert answer.status == 400
        statuses = []
        for _ in range(25):
            async with one.http.get(f"{one.url}/coinbase/time") as answer:
                statuses.append(answer.status)

    # A burst of fifteen, then ten a second.
    assert statuses[:10] == [200] * 10 and statuses[-1] == 429
