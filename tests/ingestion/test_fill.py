"""Missing trades are asked for by REST, of a simulator over real sockets."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest

from ingestion.exchange import Allowance, Exchange, Fill, Frame, Page, load
from ingestion.fill import Answer, Filler, Hole, HolesUnreadable, by_symbol, holes_of
from ingestion.limiter import Limiter
from schemas.id_range import size
from schemas.table import all_exchanges
from schemas.topic import TRADES
from simulator.dialect import dialect_of
from tests.ingestion.simulated import WIDE, catalogue_at, rest_at
from tests.ingestion.test_capture import Remembered
from tests.simulator.served import QUICK, Served, served

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fills_by_id(exchange: Exchange) -> bool:
    fill = exchange.fill
    return fill is not None and fill.first(1, datetime.now(UTC)) is not None


EACH = pytest.mark.parametrize(
    "name", [name for name in all_exchanges() if fills_by_id(load(name))]
)


@asynccontextmanager
async def filler(sim: Served, name: str, folder: Path) -> AsyncIterator[Filler]:
    exchange = load(name)
    catalogue = await catalogue_at(sim, exchange)
    async with rest_at(sim, exchange, folder) as rest:
        yield Filler(
            exchange=exchange,
            rest=rest,
            instruments=by_symbol(catalogue, exchange.symbols),
            outlet=Remembered(),
            until=time.monotonic() + 60,
        )


async def issued(sim: Served, name: str, count: int) -> list[dict[str, Any]]:
    """Return the truth of the first symbol, once so many trades were issued."""
    symbol = sim.server.hubs[name].feed.symbols[0]
    async with asyncio.timeout(60):
        while True:
            truth = await sim.truth(name, symbol=symbol)
            if len(truth) >= count:
                return truth
            await asyncio.sleep(0.05)


def hole(
    asking: Filler, truth: Sequence[dict[str, Any]], first: int, last: int
) -> Hole:
    """Return the hole of the trades at these places of the truth."""
    before = truth[first - 1]
    span = (truth[first]["trade_id"], truth[last]["trade_id"])
    native = truth[first]["symbol"]
    (listed,) = (i for i in asking.instruments.values() if i.native == native)
    return Hole(
        exchange=asking.exchange.name.upper(),
        symbol=listed.symbol,
        first_missing_id=span[0],
        last_missing_id=span[1],
        missing=[span],
        after=EPOCH + timedelta(microseconds=before["time_us"]),
    )


def published(filler: Filler) -> list[dict[str, Any]]:
    outlet = filler.outlet
    assert isinstance(outlet, Remembered)
    return decoded(outlet.values)


def decoded(values: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return the trades of messages as another Avro library reads them."""
    schema = fastavro.parse_schema(json.loads(TRADES.schema))
    return [
        fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
        for value in values
    ]


@EACH
async def test_what_is_missing_comes_by_rest_page_by_page_and_nothing_else(
    name: str, tmp_path: Path
) -> None:
    async with (
        served(rate=5000, exchanges=[name]) as sim,
        filler(sim, name, tmp_path) as asking,
    ):
        truth = await issued(sim, name, 2600)
        missing = hole(asking, truth, 100, 2400)
        # Two of them have come since by another way.
        known = {truth[1000]["trade_id"], truth[1001]["trade_id"]}
        first, last = missing.missing[0]
        missing.missing = [(first, min(known) - 1), (max(known) + 1, last)]
        answer = await asking.answer(missing)

    wanted = {t["trade_id"]: t for t in truth[100:2401] if t["trade_id"] not in known}
    told = published(asking)
    assert [int(trade["trade_id"]) for trade in told] == list(wanted)
    assert (answer.whole, answer.skipped, answer.error) == (True, [], "")
    assert answer.published == size(missing.missing) and answer.requests >= 3
    for trade in told:
        sent = wanted[int(trade["trade_id"])]
        assert trade["price"] == Decimal(sent["price"])
        assert trade["quantity"] == Decimal(sent["quantity"])
        assert trade["side"] == sent["side"].upper()
        off = trade["timestamp"] - (EPOCH + timedelta(microseconds=sent["time_us"]))
        assert abs(off) <= timedelta(microseconds=1)
        assert trade["vendor_data"]["source"] == "rest"
        assert trade["vendor_data"]["origin"] == "rest"


@EACH
async def test_rest_and_stream_tell_the_same_trade(name: str, tmp_path: Path) -> None:
    """Except for who told it, and by Kraken's double a microsecond of the time."""
    async with (
        served(rate=400, exchanges=[name]) as sim,
        filler(sim, name, tmp_path) as asking,
    ):
        truth = await issued(sim, name, 60)
        await asking.answer(hole(asking, truth, 10, 50))
        texts = {
            str(trade.trade_id): text
            for hub in [sim.server.hubs[name]]
            for trade in hub.feed.trades(
                truth[0]["symbol"], truth[10]["trade_id"], truth[50]["trade_id"]
            )
            for text in [dialect_of(name).frame([trade])]
        }
    exchange = load(name)
    catalogue = {one.native: one for one in asking.instruments.values()}
    for rest in published(asking):
        frame = Frame(texts[rest["trade_id"]].encode(), datetime.now(UTC))
        (live,) = exchange.parse(frame, catalogue)
        assert rest["message_id"] == live.message_id
        for field in ("symbol", "price", "quantity", "side"):
            assert rest[field] == getattr(live, field), field
        assert abs(rest["timestamp"] - live.timestamp) <= timedelta(microseconds=1)


@EACH
async def test_what_the_exchange_does_not_have_yet_is_not_taken_for_absent(
    name: str, tmp_path: Path
) -> None:
    async with (
        served(rate=400, exchanges=[name]) as sim,
        filler(sim, name, tmp_path) as asking,
    ):
        truth = await issued(sim, name, 40)
        asked = hole(asking, truth, 20, 30)
        asked.last_missing_id += 1_000_000
        asked.missing = [(asked.first_missing_id, asked.last_missing_id)]
        answer = await asking.answer(asked)

    assert (answer.whole, answer.skipped) == (False, [])
    assert answer.published >= 11


class Lacking:
    """A REST that has not some ids, and no page behind its second one."""

    def __init__(self, fill: Fill, ids: set[str]) -> None:
        self.fill, self.ids, self.pages = fill, ids, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fill, name)

    def page(self, *told: Any) -> Page:
        page = self.fill.page(*told)
        self.pages += 1
        had = tuple(each for each in page.trades if each.trade_id not in self.ids)
        return Page(had, page.after if self.pages < 2 else "")


@EACH
async def test_a_fill_that_is_not_through_tells_what_was_left_out_before_its_last_page(
    name: str, tmp_path: Path
) -> None:
    async with (
        served(rate=5000, exchanges=[name]) as sim,
        filler(sim, name, tmp_path) as asking,
    ):
        truth = await issued(sim, name, 3200)
        early, late = (truth[place]["trade_id"] for place in (150, 1500))
        fill = Lacking(asking.rest.fill, {str(early), str(late)})
        lacking = replace(asking, rest=replace(asking.rest, fill=fill))
        answer = await lacking.answer(hole(asking, truth, 100, 3000))

    assert (answer.whole, answer.requests) == (False, 2)
    assert answer.skipped == [(early, early)]


class Paged:
    """A REST by whose pages time is told."""

    def __init__(self, fill: Fill) -> None:
        self.fill, self.pages = fill, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fill, name)

    def page(self, *told: Any) -> Page:
        self.pages += 1
        return self.fill.page(*told)

    def monotonic(self) -> int:
        return self.pages


@EACH
async def test_a_fill_whose_time_is_up_tells_where_the_next_goes_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        served(rate=5000, exchanges=[name]) as sim,
        filler(sim, name, tmp_path) as asking,
    ):
        truth = await issued(sim, name, 4700)
        clock = Paged(asking.rest.fill)
        monkeypatch.setattr("ingestion.fill.time", clock)
        paged = replace(asking, rest=replace(asking.rest, fill=clock))
        asked = hole(asking, truth, 100, 4500)
        last = asked.last_missing_id
        short = [await replace(paged, until=n).answer(asked) for n in (0, 1)]
        clock.pages = 0
        first = await replace(paged, until=2).answer(asked)
        assert first.reached is not None
        number, at = first.reached
        asked.missing, asked.after = [(number + 1, last)], at
        second = await replace(paged, until=99).answer(asked)

    assert [answer.reached for answer in short] == [None, None]
    ids = [each["trade_id"] for each in truth]
    assert number in ids[100:] and not first.whole and first.skipped == []
    assert second.whole and second.skipped == [] and second.reached is None
    came = {int(each["trade_id"]) for each in published(asking)}
    assert came == set(ids[100:4501])


async def test_an_exchange_that_is_asked_too_often_is_left_alone_by_all(
    tmp_path: Path,
) -> None:
    pace = replace(QUICK, weight_per_minute=24)
    async with served(rate=400, pace=pace) as sim:
        async with filler(sim, "binance", tmp_path) as asking:
            truth = await issued(sim, "binance", 40)
            answer = await asking.answer(hole(asking, truth, 5, 9))
            other = Limiter(WIDE, asking.rest.line.limiter.file)

    assert "HTTP 429" in answer.error and not answer.whole
    assert other.wait_for(1, time.time()) > 0


async def test_a_symbol_that_the_catalogue_lacks_is_answered_with_its_name(
    tmp_path: Path,
) -> None:
    async with served() as sim, filler(sim, "kraken", tmp_path) as asking:
        truth = await issued(sim, "kraken", 20)
        asked = hole(asking, truth, 5, 9)
        asked.symbol = "NOSUCH"
        answer = await asking.answer(asked)

    assert "NOSUCH" in answer.error


async def test_a_server_that_is_away_is_asked_again_later(tmp_path: Path) -> None:
    async with served() as sim, filler(sim, "kraken", tmp_path) as asking:
        truth = await issued(sim, "kraken", 20)
        await sim.server.stop()
        answer = await asking.answer(hole(asking, truth, 5, 9))

    assert (answer.whole, answer.requests) == (False, 3) and answer.error


def test_an_allowance_is_shared_and_drains(tmp_path: Path) -> None:
    allowance = Allowance(cost=10, per=timedelta(seconds=10))
    one, other = (Limiter(allowance, tmp_path / "one.json") for _ in range(2))

    assert one.wait_for(6, now=100) == 0
    assert other.wait_for(6, now=100) == pytest.approx(2)
    assert other.wait_for(6, now=102) == 0
    assert one.wait_for(100, now=112) == 0  # more than the whole bucket, when empty
    assert one.wait_for(1, now=112) > 0
    one.close(30, now=200)
    assert other.wait_for(1, now=210) == pytest.approx(20)
    (tmp_path / "one.json").write_bytes(b"{half")
    assert other.wait_for(1, now=210) == 0


@pytest.mark.parametrize("text", ["", "{}", '[{"exchange": "ACME"}]'])
def test_holes_that_are_none_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(HolesUnreadable, match="expected such as"):
        holes_of(text)


def test_an_answer_is_json_that_the_ledger_reads() -> None:
    assert list(Answer.__struct_fields__) == [
        *("exchange", "symbol", "first_missing_id", "last_missing_id", "asked_at"),
        *("requests", "published", "whole", "skipped", "reached", "error"),
    ]
