"""Candles of any width, and windows without trades as the reader wants them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from query.reading.lake import Lake
from query.reading.refused import QueryRefused
from query.settings import Settings
from query.show import answered
from schemas.table import all_tables
from tests.expectations.tables import append, created, lake

ONE = datetime(2026, 11, 4, 13, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
PAID, VOLUME = Decimal("1.000000000000000001"), Decimal("3.000000000000000007")


def candle(
    start: datetime, width: timedelta = MINUTE, **changes: Any
) -> dict[str, Any]:
    prices = dict.fromkeys(("open_price", "high_price", "low_price"), Decimal(10))
    sums = dict.fromkeys(("volume", "quote_volume", "taker_buy_volume"), Decimal(1))
    return {
        "exchange": "ACME",
        "symbol": "BTCUSD",
        "window_start": start,
        "window_end": start + width,
        "window_date": start.date(),
        **prices,
        **sums,
        "close_price": Decimal(10),
        "trade_count": 1,
        "created_at": start,
        "updated_at": start,
    } | changes


@pytest.fixture
def catalog(tmp_path: Path) -> SqlCatalog:
    catalog = lake(tmp_path)
    for table in all_tables():
        if table.name.startswith("candles_"):
            created(catalog, table.address, "")
    return catalog


@pytest.fixture
def traded(settings: Settings, catalog: SqlCatalog) -> Iterator[Lake]:
    """A symbol that trades at 13:00, 13:01, 13:04 and 13:09; another at 13:04."""
    rows = [
        candle(ONE, open_price=Decimal(9), volume=VOLUME, quote_volume=PAID),
        candle(ONE + MINUTE, high_price=Decimal(12), close_price=Decimal(11)),
        candle(ONE + 4 * MINUTE, low_price=Decimal(8), close_price=Decimal(13)),
        candle(ONE + 9 * MINUTE, close_price=Decimal(14)),
        candle(ONE + 4 * MINUTE, symbol="ETHUSD", close_price=Decimal(7)),
    ]
    write(catalog, "1m", rows)
    with Lake(settings, catalog) as opened:
        yield opened


def write(catalog: SqlCatalog, width: str, rows: list[dict[str, Any]]) -> None:
    table = catalog.load_table(f"market_data.gold_crypto_candles_{width}")
    append(table, f"gold.candles_{width}", rows)


def asked(lake: Lake, words: str, symbol: str = "BTCUSD") -> list[dict[str, Any]]:
    names, rows = lake.read(
        f"SELECT * FROM candles({words}) WHERE symbol = '{symbol}'", answered
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def minutes(rows: list[dict[str, Any]]) -> list[int]:
    return [(row["window_start"] - ONE) // MINUTE for row in rows]


def span(first: int, after: int) -> str:
    return f"'{ONE + first * MINUTE}', '{ONE + after * MINUTE}'"


def test_a_window_without_trades_is_absent_or_carried_as_asked(traded: Lake) -> None:
    absent = asked(traded, f"INTERVAL 1 MINUTE, {span(0, 12)}")
    whole = asked(traded, f"INTERVAL 1 MINUTE, {span(0, 12)}, carried := true")

    assert minutes(absent) == [0, 1, 4, 9]
    assert minutes(whole) == list(range(12))
    assert [row for row in whole if not row["carried"]] == absent
    for row, before in zip(whole[1:], whole, strict=False):
        if row["carried"]:
            four = {row[f"{each}_price"] for each in ("open", "high", "low", "close")}
            assert four == {before["close_price"]}
            sums = (row["volume"], row["quote_volume"], row["taker_buy_volume"])
            assert sums == (0, 0, 0)
            assert (row["trade_count"], row["vwap"]) == (0, None)


def test_a_price_is_carried_from_before_the_span_and_never_from_before_the_first_trade(
    traded: Lake,
) -> None:
    later = asked(traded, f"INTERVAL 1 MINUTE, {span(2, 5)}, carried := true")
    eth = asked(traded, f"'1m', {span(0, 6)}, carried := true", symbol="ETHUSD")

    assert [(row["close_price"], row["carried"]) for row in later] == [
        (11, True),
        (11, True),
        (13, False),
    ]
    assert minutes(eth) == [4, 5]


def test_nothing_is_carried_into_the_future(traded: Lake) -> None:
    rows = asked(traded, f"INTERVAL 1 DAY, '{ONE}', '2999-01-01', carried := true")

    assert rows[-1]["window_start"] <= datetime.now(UTC) < rows[-1]["window_end"]


def test_any_width_is_put_together_from_minutes(traded: Lake) -> None:
    five, later = asked(traded, f"INTERVAL 5 MINUTE, {span(3, 12)}")

    # The window that the span begins in is whole.
    assert minutes([five, later]) == [0, 5]
    assert five["window_end"] == ONE + 5 * MINUTE
    prices = [five[f"{each}_price"] for each in ("open", "high", "low", "close")]
    assert prices == [9, 12, 8, 13]
    assert (five["volume"], five["trade_count"]) == (VOLUME + 2, 3)
    assert five["vwap"] == Decimal("0.599999999999999999")
    (first,) = asked(traded, f"INTERVAL 1 MINUTE, {span(0, 1)}")
    # Divided as decimals, as in the tables: doubles make 0.6 of the one above.
    assert first["vwap"] == Decimal("0.333333333333333333")


def test_days_older_than_the_candles_of_a_minute_come_from_wider_ones(
    traded: Lake, catalog: SqlCatalog, settings: Settings
) -> None:
    midnight = ONE.replace(hour=0)
    old = midnight - DAY
    for width, each in (("1d", DAY), ("1h", timedelta(hours=1)), ("5m", 5 * MINUTE)):
        # Also for the day that minutes are there for: it is not counted twice.
        rows = [candle(start, each, trade_count=100) for start in (old, midnight)]
        write(catalog, width, rows)

    with Lake(settings, catalog) as newer:
        for width in ("INTERVAL 1 DAY", "INTERVAL 2 HOUR", "INTERVAL 15 MINUTE"):
            words = f"{width}, '{old}', '{midnight + DAY}'"
            rows = asked(newer, words)
            assert rows[0]["window_start"] == old
            assert rows[0]["trade_count"] == 100
            assert sum(row["trade_count"] for row in rows) == 104
        assert len(asked(newer, f"INTERVAL 7 MINUTE, '{old}', '{midnight}'")) == 0


def test_a_sum_that_no_decimal_holds_is_not_given(
    traded: Lake, catalog: SqlCatalog, settings: Settings
) -> None:
    write(catalog, "1m", [candle(ONE + 6 * MINUTE, quote_volume=None)])

    with Lake(settings, catalog) as newer:
        _, later = asked(newer, f"INTERVAL 5 MINUTE, {span(0, 10)}")
    assert (later["quote_volume"], later["vwap"], later["volume"]) == (None, None, 2)


@pytest.mark.parametrize("width", ["INTERVAL 30 SECOND", "'90 seconds'", "'0 minutes'"])
def test_a_width_that_minutes_do_not_make_is_refused(traded: Lake, width: str) -> None:
    with pytest.raises(QueryRefused, match="a minute or several"):
        asked(traded, f"{width}, {span(0, 5)}")
