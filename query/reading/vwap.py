"""The volume-weighted price of any span, from the trades themselves."""

import duckdb

from query.reading.exact import limbs, sum_of, sum_of_products
from query.reading.terms import Term
from schemas.table import table_at

TRADES = table_at("gold.trades").stored_as
BODY = f"""
WITH traded AS (
    SELECT exchange, symbol, base_asset, quote_currency, timestamp, quantity,
           CASE WHEN price::DOUBLE * quantity::DOUBLE < 1e20 THEN price END AS price
    FROM {TRADES}
    WHERE timestamp >= since::TIMESTAMPTZ AND timestamp < until::TIMESTAMPTZ),
split AS (SELECT *, {limbs("price")}, {limbs("quantity")} FROM traded),
summed AS (
    SELECT exchange, symbol, base_asset, quote_currency,
           min(timestamp) AS first_trade, max(timestamp) AS last_trade,
           count(*) AS trade_count, {sum_of("quantity")} AS volume,
           CASE WHEN count(price) = count(*)
                THEN {sum_of_products("price", "quantity")} END AS quote_volume
    FROM split GROUP BY exchange, symbol, base_asset, quote_currency)
SELECT *, exact_ratio(quote_volume, volume) AS vwap
FROM summed ORDER BY exchange, symbol"""


def define(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(f"CREATE OR REPLACE MACRO vwap(since, until) AS TABLE {BODY}")


TERM = Term(
    name="vwap",
    arguments="(since, until)",
    about=(
        "For each exchange and symbol its volume, quote volume and volume-weighted "
        "price of the trades from `since` on and before `until`, exact to 18 places."
    ),
    reads=(TRADES,),
    define=define,
    columns=(
        *("exchange", "symbol", "base_asset", "quote_currency"),
        *("first_trade", "last_trade", "trade_count"),
        *("volume", "quote_volume", "vwap"),
    ),
)
