"""Tables are read by name, at their newest snapshot, and never written."""

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from query.reading.lake import Lake
from query.reading.refused import QueryRefused
from query.settings import Settings
from query.show import answered, show
from schemas.table import all_exchanges, table_at
from tests.expectations.cases import NOON, trade_row
from tests.expectations.tables import append
from tests.query.conftest import DIGITS, EXCHANGE

GOLD = "gold_crypto_trades"


def count(lake: Lake, name: str) -> int:
    ((found,),) = rows(lake, f"SELECT count(*) FROM {name}")
    return int(found)


def rows(lake: Lake, text: str) -> list[tuple[Any, ...]]:
    return lake.read(text, answered)[1]


def test_every_table_has_a_name_and_bronze_and_silver_a_union(small: Lake) -> None:
    assert {GOLD, "gold_crypto_candles_1m", "silver_dead_letters"} <= set(small.names)
    assert {"bronze_crypto_trades", "silver_crypto_trades"} <= set(small.names)
    for exchange in all_exchanges():
        assert f"silver_{exchange}_trades" in small.names


def test_a_price_is_read_to_its_last_digit(small: Lake) -> None:
    (found,) = rows(small, f"SELECT price FROM {GOLD} WHERE trade_id = '1'")

    assert type(found[0]) is Decimal
    assert found[0] == DIGITS


def test_a_new_connection_sees_the_newest_commit_and_an_old_one_its_own(
    small: Lake, settings: Settings, catalog: SqlCatalog
) -> None:
    assert count(small, GOLD) == 3
    row = trade_row(EXCHANGE, trade_id="4") | {
        "exchange_date": NOON.date(),
        "exchange_hour": NOON.hour,
        "gold_ingestion_timestamp": NOON,
    }
    append(catalog.load_table(f"market_data.{GOLD}"), "gold.trades", [row])

    assert count(small, GOLD) == 3
    with Lake(settings, catalog) as newer:
        assert count(newer, GOLD) == 4


def test_a_table_without_rows_has_its_columns_all_the_same(small: Lake) -> None:
    names, found = small.read("SELECT * FROM bronze_crypto_trades", answered)

    assert found == []
    columns = [column.name for column in table_at("bronze.trades").columns]
    assert names == [*columns, "exchange"]


@pytest.mark.parametrize(
    "text",
    [
        f"DELETE FROM {GOLD}",
        f"SELECT 1; DROP VIEW {GOLD}",
        f"CREATE TABLE mine AS SELECT * FROM {GOLD}",
        f"COPY {GOLD} TO '/nowhere/rows.csv'",
        f"EXPLAIN ANALYZE COPY {GOLD} TO '/nowhere/rows.csv'",
        f"explain/* a */analyze -- b\n/* c */ COPY {GOLD} TO '/nowhere/rows.csv'",
        f"EXPLAIN (ANALYZE, FORMAT json) COPY {GOLD} TO '/nowhere/rows.csv'",
        f"SELECT 1; EXPLAIN ANALYZE WITH a AS (SELECT 1) INSERT INTO {GOLD} FROM a",
        "ATTACH '/nowhere/a.db'",
        "SET threads = 1",
        "CALL enable_logging(storage = 'file', storage_path = '/nowhere')",
    ],
)
def test_a_statement_that_writes_is_refused(small: Lake, text: str) -> None:
    with pytest.raises(QueryRefused, match="only reads"):
        small.read(text, answered)


@pytest.mark.parametrize(
    "text",
    [
        f"EXPLAIN SELECT count(*) FROM {GOLD}",
        f"EXPLAIN ANALYZE FROM {GOLD}",
        f"EXPLAIN (ANALYZE) (SELECT count(*) FROM {GOLD}) UNION ALL SELECT 1",
        "EXPLAIN (SELECT 1) UNION ALL SELECT 2",
        "EXPLAIN (FORMAT json) WITH a AS (SELECT 1) FROM a",
    ],
)
def test_a_question_may_be_explained(small: Lake, text: str) -> None:
    assert rows(small, text)


def test_a_wrong_name_says_what_was_probably_meant(small: Lake) -> None:
    with pytest.raises(QueryRefused, match=f"Did you mean {GOLD}"):
        small.read("SELECT * FROM gold_crypto_trade", answered)


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_every_format_shows_all_digits(small: Lake, form: str) -> None:
    out = io.StringIO()
    names, found = small.read(
        f"SELECT price, timestamp FROM {GOLD} WHERE trade_id = '1'", answered
    )
    show(names, found, form, out)

    assert str(DIGITS) in out.getvalue()
    if form == "json":
        (row,) = json.loads(out.getvalue())
        assert row["timestamp"] == NOON.isoformat()
