"""The simulated feed: ids without a hole, and the same trades whoever asks."""

import asyncio
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from simulator.dialect import all_dialects
from simulator.feeds import feeds
from simulator.market import Market
from simulator.simulated import Simulated, segments_of
from simulator.state import Keep
from simulator.tape import EPOCH_NS, Tape
from tests.simulator.served import BINANCE, KRAKEN, served, subscribe, trades

NOON = EPOCH_NS + 300 * 86_400 * 10**9
ALL = [
    (name, market)
    for name, spoken in all_dialects().items()
    for market in spoken.markets
]


def tape(exchange: str, market: Market, rate: float = 50, seed: int = 1) -> Tape:
    return Tape(exchange, market, [(0, rate, seed)], {})


@pytest.mark.parametrize(("exchange", "market"), ALL)
def test_the_same_seed_gives_the_same_trades_and_another_others(
    exchange: str, market: Market
) -> None:
    begin = tape(exchange, market).at(NOON)
    first, again, other = (
        list(tape(exchange, market, seed=seed).trades(begin, begin + 500))
        for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


@pytest.mark.parametrize(("exchange", "market"), ALL)
def test_ids_count_up_by_one_and_time_never_goes_back(
    exchange: str, market: Market
) -> None:
    one = tape(exchange, market)
    begin = one.at(NOON)
    found = list(one.trades(begin, begin + 2000))

    assert [trade.trade_id for trade in found] == list(range(begin, begin + 2001))
    assert all(a.time_ns <= b.time_ns for a, b in pairwise(found))
    assert any(a.time_ms == b.time_ms for a, b in pairwise(found))


@pytest.mark.parametrize(("exchange", "market"), ALL)
def test_prices_stay_near_their_middle_and_quantities_are_tiny_at_times(
    exchange: str, market: Market
) -> None:
    one = tape(exchange, market)
    found = [
        trade
        for day in range(0, 1500, 25)
        for trade in one.trades(*(2 * [one.at(EPOCH_NS + day * 86_400 * 10**9)]))
    ]
    begin = one.at(NOON)
    found += one.trades(begin, begin + 3000)

    assert all(
        Decimal(market.price) / Decimal("1.5")
        < Decimal(trade.price)
        < Decimal(market.price) * Decimal("1.5")
        for trade in found
    )
    assert all(Decimal(trade.quantity) > 0 for trade in found)
    assert min(Decimal(trade.quantity) for trade in found) < Decimal("1e-6")
    decimals = {len(trade.price.partition(".")[2]) for trade in found}
    assert decimals == {market.price_decimals}


def test_another_rate_holds_from_the_next_block_on_and_ids_keep_their_meaning(
    tmp_path: Path,
) -> None:
    now = NOON

    def feed(rate: float | None) -> Simulated:
        keep = Keep.at(tmp_path, "simulated")
        segments = segments_of(keep, rate, None, now)
        return Simulated(
            "binance",
            all_dialects()["binance"].markets,
            keep,
            segments,
            clock=lambda: now,
        )

    old = feed(50)
    known = list(old.trades("BTCUSDT", old.last("BTCUSDT") - 99, 10**12))
    now += 60 * 10**9
    new = feed(500)
    later = list(new.trades("BTCUSDT", known[0].trade_id, 10**12))
    now += 60 * 10**9
    due = [trade for trade in new.due() if trade.symbol == "BTCUSDT"]
    ids = [trade.trade_id for trade in later + due]

    assert later[:100] == known
    assert ids == list(range(known[0].trade_id, ids[-1] + 1))
    assert len(due) > 5 * (len(later) - 100)
    again = feed(None)
    assert list(again.trades("BTCUSDT", known[0].trade_id, 10**12)) == later + due


async def test_ids_go_on_after_a_restart_and_rest_fills_the_time_between(
    tmp_path: Path,
) -> None:
    async with served(state=tmp_path) as one, one.ws(BINANCE) as ws:
        before = await trades(ws, 20)
    async with served(state=tmp_path, rate=None, seed=None) as one:
        async with one.ws(BINANCE) as ws:
            after = await trades(ws, 20)
        path = "/binance/api/v3/historicalTrades"
        last = before[-1]["t"]
        hole = after[0]["t"] - last - 1
        rows = await one.get(path, symbol="BTCUSDT", fromId=last + 1, limit=hole or 1)

    ids = [trade["t"] for trade in before]
    ids += [row["id"] for row in rows[:hole]] + [trade["t"] for trade in after]
    assert ids == list(range(ids[0], ids[-1] + 1))


async def test_trades_are_made_for_those_exchanges_alone_that_were_asked_for() -> None:
    name, *others = all_dialects()
    async with served(exchanges=[name]) as one:
        assert set(await one.get("/control/state")) == {name}
    with pytest.raises(ValueError, match=f"mtgox; there are: {name}, {others[0]}"):
        feeds("simulated", state=None, exchanges=[name, "mtgox"])


async def test_rest_tells_what_binance_streams() -> None:
    async with served() as one, one.ws(BINANCE) as ws:
        told = await trades(ws, 60)
        path = "/binance/api/v3/historicalTrades"
        rows = await one.get(path, symbol="BTCUSDT", fromId=told[0]["t"], limit=60)
        truth = await one.truth(
            "binance", symbol="BTCUSDT", from_id=told[0]["t"], to_id=told[-1]["t"]
        )

    fields = ("id", "price", "qty", "time", "isBuyerMaker")
    assert [tuple(row[field] for field in fields) for row in rows] == [
        tuple(trade[field] for field in "tpqTm") for trade in told
    ]
    assert [
        (line["trade_id"], line["price"], line["quantity"], line["time_us"])
        for line in truth
    ] == [(trade["t"], trade["p"], trade["q"], trade["T"] * 1000) for trade in told]
    assert [line["side"] == "sell" for line in truth] == [one["m"] for one in told]


async def test_rest_tells_what_kraken_streams() -> None:
    async with served() as one, one.ws(KRAKEN, subscribe("BTC/USD")) as ws:
        told = await trades(ws, 60)
        (line,) = await one.truth(
            "kraken",
            symbol="BTC/USD",
            from_id=told[0]["trade_id"],
            to_id=told[0]["trade_id"],
        )
        since = (line["time_us"] - 1) * 1000
        path = "/kraken/0/public/Trades"
        page = await one.get(path, pair="XBTUSD", since=since, count=200)

    rows = {row[6]: row for row in page["result"]["XXBTZUSD"]}
    for trade in told:
        price, volume, seconds, side, order, _, _ = rows[trade["trade_id"]]
        assert Decimal(price) == Decimal(trade["price"])
        assert len(price.partition(".")[2]) == 5
        assert volume == trade["qty"]
        assert (side, order) == (trade["side"][0], trade["ord_type"][0])
        assert seconds.count(".") == 1
        assert trade["timestamp"].endswith("Z") and len(trade["timestamp"]) == 27


async def test_a_kraken_page_ends_where_the_next_begins() -> None:
    async with served() as one:
        path = "/kraken/0/public/Trades"
        seen: list[int] = []
        since = "0"
        for _ in range(5):
            page = await one.get(path, pair="XBTUSD", since=since, count=100)
            rows = page["result"]["XXBTZUSD"]
            seen += [row[6] for row in rows if row[6] not in seen]
            since = page["result"]["last"]
            assert len(since) == 19

    assert seen == list(range(seen[0], seen[-1] + 1))
    assert len(seen) > 450


async def test_all_symbols_flow_and_nothing_is_told_before_it_happened() -> None:
    async with served() as one, one.ws(KRAKEN, subscribe("BTC/USD", "ETH/USD")) as ws:
        await trades(ws, 60)
        await asyncio.sleep(0.1)
        state = await one.get("/control/state")

    assert state["kraken"]["issued"] >= 60
    assert set(state["binance"]["last"]) == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
