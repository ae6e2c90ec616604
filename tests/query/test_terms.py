"""Each term says what Python counts from the same trades, digit by digit."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from query.catalog import unions
from query.reading.exact import exact_sum
from query.reading.lake import Lake
from query.reading.terms import told
from query.settings import Settings
from schemas.table import all_exchanges, table_at
from tests.expectations.tables import append
from tests.query.market_days import (
    FIELDS,
    GOLD,
    HOUR,
    ONE,
    TWO,
    commit,
    gold_rows,
    market,
)

ROWS = [*gold_rows(ONE, 0, 40), *gold_rows(TWO, 0, 12), *gold_rows(TWO, 24, 6)]
PLACES = Decimal("1e-18")


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    folder = tmp_path_factory.mktemp("lake")
    catalog = market(folder)
    commit(catalog, ROWS)
    with Lake(settings_of(folder), catalog) as opened:
        yield opened


def settings_of(folder: Path) -> Settings:
    return Settings(
        exchanges=all_exchanges(),
        catalog_uri=f"sqlite:///{folder}/catalog.db",
        warehouse=f"file://{folder}",
        kafka_servers="127.0.0.1:1",
        airflow_url="http://127.0.0.1:1",
        capture_metrics={},
        **dict.fromkeys(
            ("s3_endpoint", "s3_access_key", "s3_secret_key", "s3_region"), ""
        ),
        **dict.fromkeys(
            ("checkpoints", "gates", "alerts", "backups", "airflow_passwords"), folder
        ),
    )


def rows_of(lake: Lake, text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.arrow(text).to_pylist()
    return found


def test_vwap_is_what_the_trades_of_the_span_give(traded: Lake) -> None:
    since, until = HOUR + timedelta(seconds=20), HOUR + timedelta(seconds=241)
    found = rows_of(traded, f"FROM vwap('{since}', '{until}')")

    assert [(row["exchange"], row["symbol"]) for row in found] == [
        (ONE.upper(), "BTCUSDT"),
        (TWO.upper(), "BTCUSD"),
    ]
    for row in found:
        mine = [
            each
            for each in ROWS
            if each["exchange"] == row["exchange"]
            and since <= each["timestamp"] < until
        ]
        with localcontext(prec=100, rounding=ROUND_HALF_UP):
            paid = sum(each["price"] * each["quantity"] for each in mine)
            volume = sum(each["quantity"] for each in mine)
            paid = paid.quantize(PLACES)
            vwap = (paid / volume).quantize(PLACES)
        assert row["trade_count"] == len(mine) > 10
        assert (row["volume"], row["quote_volume"]) == (volume, paid)
        assert row["vwap"] == vwap
        assert row["first_trade"] == min(each["timestamp"] for each in mine)
        assert row["last_trade"] == max(each["timestamp"] for each in mine)


def test_a_sum_of_products_is_exact_and_none_where_no_decimal_holds_it() -> None:
    assert exact_sum(1, 2, 3, 4, 500_000_000) == Decimal("1.000000002000000003")
    assert exact_sum(0, 0, 0, 0, 5 * 10**17) == Decimal("1e-18")
    assert exact_sum(10**20, 0, 0, 0, 0) is None


def test_a_trade_that_no_sum_holds_makes_null_and_no_error(
    tmp_path: Path,
) -> None:
    catalog = market(tmp_path)
    huge = Decimal("99999999999999999999.999999999999999999")
    (row,) = gold_rows(ONE, 0, 1)
    table = catalog.load_table(f"market_data.{GOLD}")
    append(table, "gold.trades", [row | {"price": huge, "quantity": huge}])
    with Lake(settings_of(tmp_path), catalog) as opened:
        (found,) = rows_of(opened, f"FROM vwap('{HOUR}', now())")

    assert (found["quote_volume"], found["vwap"]) == (None, None)


def test_the_spread_is_between_the_last_prices_of_each_window(traded: Lake) -> None:
    until = HOUR + timedelta(minutes=11)
    words = f"'BTCUSDT', 'BTCUSD', INTERVAL 1 MINUTE, '{HOUR}', '{until}'"
    found = rows_of(traded, f"FROM spread({words})")

    assert [row["window_start"] for row in found] == [
        HOUR + timedelta(minutes=minute) for minute in range(11)
    ]
    for row in found:
        one, one_is_old = last_price(ONE, row["window_start"])
        two, two_is_old = last_price(TWO, row["window_start"])
        assert (row["close_price"], row["other_close_price"]) == (one, two)
        assert row["spread"] == one - two
        assert row["spread_bps"] == pytest.approx(float((one - two) / two) * 10_000)
        assert row["carried"] == (one_is_old or two_is_old)
    assert {row["carried"] for row in found} == {True, False}


def last_price(exchange: str, start: datetime) -> tuple[Decimal, bool]:
    """Return the last price before a minute's end, and whether it is older than it."""
    before = [
        row
        for row in ROWS
        if row["exchange"] == exchange.upper()
        and row["timestamp"] < start + timedelta(minutes=1)
    ]
    last = max(before, key=lambda row: row["timestamp"])
    return last["price"], last["timestamp"] < start


def test_of_one_symbol_each_pair_of_exchanges_is_named_once(traded: Lake) -> None:
    words = f"'BTCUSD', 'BTCUSD', '1m', '{HOUR}', '{HOUR + timedelta(minutes=2)}'"

    # Only one of the two has it.
    assert rows_of(traded, f"FROM spread({words})") == []


def test_fields_of_the_exchange_are_columns(traded: Lake) -> None:
    found = rows_of(traded, "FROM vendor_trades")

    assert len(found) == len(ROWS)
    for row in found:
        sent = FIELDS[row["exchange"].lower()]
        for field in {*FIELDS[ONE], *FIELDS[TWO]}:
            column = "vendor_side" if field == "side" else field
            assert row[column] == sent.get(field)
        assert row["side"] == "BUY"
        assert dict(row["vendor_data"]) == sent


def test_symbols_are_told_with_their_days(traded: Lake) -> None:
    found = rows_of(traded, "FROM symbols")

    day = HOUR.date()
    assert [tuple(row.values()) for row in found] == [
        (ONE.upper(), "BTCUSDT", day, day, 40),
        (TWO.upper(), "BTCUSD", day, day, 18),
    ]


ASKED = {
    "candles": f"candles('1m', '{HOUR}', '{HOUR}')",
    "vwap": f"vwap('{HOUR}', '{HOUR}')",
    "spread": f"spread('A', 'B', '1m', '{HOUR}', '{HOUR}')",
}


def test_every_term_is_told_with_the_columns_that_it_has(traded: Lake) -> None:
    for term in traded.terms.values():
        assert f"{term.asked}\n" in told()
        found = traded.arrow(f"FROM {ASKED.get(term.name, term.name)}")
        if term.arguments:
            assert tuple(found.column_names) == term.columns


def test_a_union_has_the_rows_of_all_its_tables(traded: Lake) -> None:
    name = table_at("bronze.trades").stored_as.format(exchange="crypto")

    assert name in unions(all_exchanges())
    assert traded.arrow(f"FROM {name}").num_rows == 0
    assert traded.arrow(f"FROM {GOLD}").num_rows == len(ROWS)
