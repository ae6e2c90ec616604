"""Days of the past come whole: from files, from REST, and through a kill."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.backfill import Carrier, DayUnreadable, SymbolDay, day_of, span_of
from ingestion.backfill_job import Day, held_in
from ingestion.exchange import ArchiveUnreadable, Exchange, Instrument, load
from ingestion.exchanges.binance.archive import BinanceArchive
from ingestion.fill import Filler
from ingestion.settings import Place, Settings
from schemas.exchange import has_past_days
from schemas.id_range import IdRange, size
from schemas.table import all_exchanges
from schemas.trade import Side, Trade
from simulator.binance import archive as simulated
from simulator.trade import Trade as Issued
from tests.ingestion.test_fill import filler, published
from tests.simulator.served import Served, served

SPARSE = 0.2
"""Trades a second: a day of a symbol has some thousand."""
DAY_BEFORE = datetime.now(UTC).date() - timedelta(days=1)
ENV = {
    "BULLION_KAFKA_SERVERS": "127.0.0.1:1",
    "BULLION_REGISTRY_URL": "http://127.0.0.1:1",
}


EACH = pytest.mark.parametrize("name", list(filter(has_past_days, all_exchanges())))


@dataclass(kw_only=True)
class Bringing:
    """One symbol's day at the simulator, and who brings it."""

    sim: Served
    day: Day
    instrument: Instrument
    asking: Filler
    folder: Path
    acknowledged: int = 0

    async def kafka_has_all(self) -> None:
        self.acknowledged += 1

    def carrier(self, held: Sequence[IdRange] = (), every: int = 20_000) -> Carrier:
        return Carrier(
            symbol=self.instrument.symbol,
            outlet=self.asking.outlet,
            acknowledged=self.kafka_has_all,
            held=held,
            note=self.folder / "note.json",
            rate=1e9,
            noted_every=every,
        )

    async def bring(self, carrier: Carrier) -> SymbolDay:
        return await self.day.bring_one(self.instrument, carrier, self.asking.rest)

    def happened(self) -> list[Issued]:
        """Return the day's trades as the simulator knows them."""
        feed = self.sim.server.hubs[self.day.exchange.name].feed
        symbol = self.instrument.native
        begin, end = (int(at.timestamp()) * 10**9 for at in span_of(self.day.day))
        return list(
            feed.trades(symbol, feed.at(symbol, begin), feed.at(symbol, end) - 1)
        )


@asynccontextmanager
async def bringing(
    name: str, folder: Path, day: date = DAY_BEFORE
) -> AsyncIterator[Bringing]:
    async with served(rate=SPARSE, exchanges=[name]) as sim, filler(
        sim, name, folder
    ) as asking:
        exchange: Exchange = load(name)
        env = ENV | {
            "BULLION_BACKFILL": str(folder / "days"),
            f"BULLION_{name.upper()}_ARCHIVE_URL": f"{sim.url}/{name}",
        }
        native = sim.server.hubs[name].feed.symbols[0]
        by_native = {one.native: one for one in asking.instruments.values()}
        yield Bringing(
            sim=sim,
            day=Day(
                exchange=exchange,
                day=day,
                place=Place.read(env, exchange),
                settings=Settings.read(env),
                held={},
            ),
            instrument=by_native[native],
            asking=asking,
            folder=folder,
        )


@EACH
async def test_a_day_comes_whole_and_exact(name: str, tmp_path: Path) -> None:
    async with bringing(name, tmp_path) as it:
        told = await it.bring(it.carrier())
        wanted = {str(trade.trade_id): trade for trade in it.happened()}
        came = published(it.asking)

    assert [trade["trade_id"] for trade in came] == list(wanted)
    assert told.trades == told.published == len(wanted) > 5000
    assert (told.done, told.skipped, told.error) == (True, 0, "")
    assert str(told.first_id) == next(iter(wanted))
    for trade in came:
        issued = wanted[trade["trade_id"]]
        assert trade["price"] == Decimal(issued.price)
        assert trade["quantity"] == Decimal(issued.quantity)
        assert trade["side"] == issued.side.upper()
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=issued.time_us)
        assert abs(trade["timestamp"] - at) <= timedelta(microseconds=1)
        assert trade["vendor_data"]["source"] in ("archive", "rest")


@EACH
async def test_what_gold_holds_is_not_sent_again(name: str, tmp_path: Path) -> None:
    async with bringing(name, tmp_path) as it:
        ids = [trade.trade_id for trade in it.happened()]
        held = [(ids[0], ids[99]), (ids[200], ids[-1])]
        told = await it.bring(it.carrier(held))
        came = published(it.asking)

    assert [int(trade["trade_id"]) for trade in came] == ids[100:200]
    assert (told.trades, told.published) == (len(ids), 100)
    assert size(held) == len(ids) - 100


@EACH
async def test_whoever_is_killed_in_the_middle_goes_on_there(
    name: str, tmp_path: Path
) -> None:
    async with bringing(name, tmp_path) as it:
        first = it.carrier(every=1000)

        async def dies_the_third_time() -> None:
            it.acknowledged += 1
            if it.acknowledged == 3:
                raise ConnectionError("as a kill would end it")

        object.__setattr__(first, "acknowledged", dies_the_third_time)
        with pytest.raises(ConnectionError):
            await it.bring(first)
        before = len(published(it.asking))
        told = await it.bring(it.carrier(every=1000))
        came = [int(trade["trade_id"]) for trade in published(it.asking)]
        ids = [trade.trade_id for trade in it.happened()]
        again = await it.bring(it.carrier())
        assert len(published(it.asking)) == len(came)

    # What was acknowledged is not sent again, what was not is: all of it is there.
    assert told.resumed_at and told.done
    assert set(came) == set(ids)
    assert 0 < len(came) - len(ids) <= 1000 + 1000 < before
    assert told.trades == len(ids) and told.skipped == 0
    # Its symbol is done until the whole day is.
    assert again == told


async def test_a_file_that_was_bent_on_its_way_is_fetched_again_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bringing("binance", tmp_path) as it:
        whole, bent = simulated.Archive.packed, 0

        async def packed(
            self: simulated.Archive, symbol: str, day: date, first: int, last: int
        ) -> bytes:
            nonlocal bent
            bent -= 1
            found = await whole(self, symbol, day, first, last)
            return found[:-9] + b"x" if bent % 2 == 0 else found

        monkeypatch.setattr(simulated.Archive, "packed", packed)
        monkeypatch.setattr("ingestion.fetch.PAUSES", (0.0, 0.0))
        told = await it.bring(it.carrier())
        assert "SHA-256" in told.error and not told.done
        assert published(it.asking) == []

        monkeypatch.setattr(simulated.Archive, "packed", whole)
        assert (await it.bring(it.carrier())).done


async def test_a_day_that_is_not_published_yet_is_no_day_that_never_was(
    tmp_path: Path,
) -> None:
    async with bringing("binance", tmp_path, date(2019, 5, 1)) as it:
        told = await it.bring(it.carrier())
    assert told.absent and not told.error

    today = datetime.now(UTC).date()
    async with bringing("binance", tmp_path, today) as it:
        told = await it.bring(it.carrier())
    assert "404" in told.error and "ask later" in told.error and not told.absent


def test_a_day_is_told_as_a_day_that_is_over() -> None:
    assert day_of("2026-11-05") == date(2026, 11, 5)
    with pytest.raises(DayUnreadable, match="2026-11-26"):
        day_of("yesterday")
    with pytest.raises(DayUnreadable, match="not over.*completeness"):
        day_of(datetime.now(UTC).date().isoformat())


def test_ids_that_gold_holds_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "held.json"
    file.write_text('{"BTCUSD": [[4, 6]]}')
    assert held_in(str(file)) == {"BTCUSD": [(4, 6)]}
    file.write_text('{"BTCUSD": "4-6"}')
    with pytest.raises(DayUnreadable, match="expected JSON such as"):
        held_in(str(file))
    with pytest.raises(DayUnreadable, match="No such file"):
        held_in(str(tmp_path / "none.json"))


LISTED = Instrument(
    native="BTCUSDT",
    rest_name="BTCUSDT",
    base="BTC",
    quote="USDT",
    status="TRADING",
    trading=True,
)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def in_a_file(text: str) -> list[Trade]:
    to = io.BytesIO()
    with zipfile.ZipFile(to, "w") as file:
        file.writestr("BTCUSDT-trades.csv", text)
    to.seek(0)
    return list(BinanceArchive().trades(to, LISTED, NOON))


@pytest.mark.parametrize("time", ["1790000000123", "1790000000123000"])
def test_a_file_in_either_unit_tells_the_same_trade(time: str) -> None:
    (trade,) = in_a_file(
        f"6000000001,80123.45000000,0.00150000,120.18517500,{time},True,True\n"
    )

    assert trade.timestamp == datetime(2026, 9, 21, 14, 13, 20, 123000, UTC)
    assert (str(trade.price), str(trade.quantity)) == ("80123.45000000", "0.00150000")
    assert (trade.side, trade.symbol) == (Side.SELL, "BTCUSDT")
    assert trade.vendor_data["file"] == "BTCUSDT-trades.csv"


@pytest.mark.parametrize(
    "line",
    [
        "6000000001,80123.45,0.0015,120.18,1790000000123,True",
        "6000000001,NaN,0.0015,120.18,1790000000123,True,True",
        "x,80123.45,0.0015,120.18,1790000000123,True,True",
        "6000000001,80123.45,0.0015,120.18,1790000000123,maybe,True",
    ],
)
def test_a_line_that_is_no_trade_is_named_and_nothing_is_guessed(line: str) -> None:
    good = "6000000000,80123.45,0.0015,120.18,1790000000123,True,True\n"
    with pytest.raises(ArchiveUnreadable, match="line 2 of BTCUSDT-trades.csv"):
        in_a_file(good + line)


def test_a_checksum_is_read_as_sha256sum_writes_it() -> None:
    digest = "ab" * 32
    told = f"{digest}  BTCUSDT-trades-2026-11-05.zip\n".encode()
    assert BinanceArchive().sha256(told) == digest
    with pytest.raises(ArchiveUnreadable):
        BinanceArchive().sha256(b"<html>")


def test_what_is_no_zip_says_so() -> None:
    with pytest.raises(ArchiveUnreadable):
        list(BinanceArchive().trades(io.BytesIO(b"PK nothing"), LISTED, NOON))


async def test_trades_are_sent_no_faster_than_told(tmp_path: Path) -> None:
    async with bringing("binance", tmp_path) as it:
        slow = it.carrier()
        object.__setattr__(slow, "rate", 4000.0)
        loop = asyncio.get_running_loop()
        began = loop.time()
        told = await it.bring(slow)
        # The bound is what was asked for: more time may pass, never less.
        assert loop.time() - began >= (told.published - 1000) / 4000
