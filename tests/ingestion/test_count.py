"""Where ids prove no loss, what REST has is counted: spans that it tells whole."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.count import Count, count, count_symbol
from ingestion.exchange import Instrument, Page, load
from ingestion.settings import Settings
from schemas.exchange import counts_trades
from schemas.table import all_exchanges
from schemas.trade import Trade
from tests.ingestion.simulated import catalogue_at, rest_at
from tests.simulator.served import Served, served

UNPROVEN = [name for name in all_exchanges() if not counts_trades(name)]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LASTS = timedelta(seconds=20)


def env_of(name: str, sim: Served, folder: Path) -> dict[str, str]:
    return {
        "BULLION_KAFKA_SERVERS": "127.0.0.1:1",
        "BULLION_REGISTRY_URL": "http://127.0.0.1:1",
        "BULLION_LIMITS": str(folder),
        f"BULLION_{name.upper()}_REST_URL": f"{sim.url}/{name}",
    }


@pytest.mark.parametrize("name", UNPROVEN)
async def test_a_span_has_the_trades_that_happened_in_it(
    name: str, tmp_path: Path
) -> None:
    async with served(rate=200, exchanges=[name]) as sim:
        env = env_of(name, sim, tmp_path)
        counts = await count([name], Settings.read(env), env, LASTS)
        catalogue = await catalogue_at(sim, load(name))
        last = sim.server.hubs[name].feed.last
        truth = [
            trade
            for native in load(name).symbols
            # Some of what REST has happened before the first start.
            for trade in await sim.truth(
                name, symbol=native, from_id=last(native) - 1000
            )
        ]

    symbols = {catalogue[native].symbol for native in load(name).symbols}
    assert {each.symbol for each in counts} == symbols
    for each in counts:
        assert (each.exchange, each.error) == (name.upper(), "")
        assert each.since is not None and each.until is not None
        inside = [
            trade
            for trade in truth
            if catalogue[trade["symbol"]].symbol == each.symbol
            and each.since < moment(trade["time_us"]) < each.until
        ]
        assert each.trades == len(inside) > 0


def moment(us: int) -> datetime:
    """Return when a trade happened, as its exchange tells it: in milliseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=us // 1000)


@pytest.mark.parametrize("name", UNPROVEN)
async def test_an_exchange_that_does_not_answer_is_told_of(
    name: str, tmp_path: Path
) -> None:
    exchange = load(name)
    async with served(rate=200, exchanges=[name]) as sim:
        instrument = (await catalogue_at(sim, exchange))[exchange.symbols[0]]
        await sim.order(f"{name}/rest", status=503, count=100)
        async with rest_at(sim, exchange, tmp_path) as rest:
            told = await count_symbol(exchange, rest, instrument)
        env = env_of(name, sim, tmp_path)
        one = await count([name], Settings.read(env), env, timedelta(seconds=1))

    assert (told.symbol, told.since, told.trades) == (instrument.symbol, None, 0)
    assert "503" in told.error
    assert [each.since for each in one] == [None]
    assert "no catalogue came in time" in one[0].error


def page(*seconds: int) -> Page:
    trades = tuple(
        Trade(
            trade_id=str(number),
            exchange="ACME",
            timestamp=NOON + timedelta(seconds=second),
            price=1,  # type: ignore[arg-type]
            quantity=1,  # type: ignore[arg-type]
            base_asset="BTC",
            quote_currency="USD",
            side="buy",  # type: ignore[arg-type]
            ingestion_timestamp=NOON,
            vendor_data={},
        )
        for number, second in enumerate(seconds)
    )
    return Page(trades, "")


@pytest.mark.parametrize(
    ("seconds", "trades"),
    [((1, 1, 2, 3, 3), 1), ((1, 5), 0), ((2, 2, 2), None), ((4,), None), ((), None)],
)
def test_the_moments_at_both_ends_are_left_out(
    seconds: tuple[int, ...], trades: int | None
) -> None:
    told = Count.of(page(*seconds), "acme", BITCOIN)

    assert (told.trades if told.since else None) == trades


BITCOIN = Instrument(
    native="BTC-USD",
    rest_name="BTC-USD",
    base="BTC",
    quote="USD",
    status="on",
    trading=True,
)


def test_an_exchange_nobody_knows_is_named(tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "ingestion", "count", "mtgox"],
        env={
            "BULLION_KAFKA_SERVERS": "127.0.0.1:1",
            "BULLION_REGISTRY_URL": "http://127.0.0.1:1",
            "BULLION_LIMITS": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (asked.returncode, asked.stdout) == (1, "")
    assert "mtgox" in asked.stderr and "Traceback" not in asked.stderr


def test_what_is_printed_is_what_spark_reads() -> None:
    from msgspec import json as packed

    from spark_apps.gold.counts import counts

    told = Count.of(page(1, 2, 3), "acme", BITCOIN)
    silent = Count("ACME", "ETHUSD", NOON, error="HTTP 503")
    text = json.dumps({"counts": json.loads(packed.encode([told, silent]))})

    (read,) = counts(text)
    assert (read.symbol, read.at_exchange, read.state) == ("BTCUSD", 1, "open")
    assert (read.since, read.until) == (told.since, told.until)
