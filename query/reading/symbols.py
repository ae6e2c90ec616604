"""Which symbols there are, and since when."""

import duckdb

from query.reading.terms import Term
from schemas.table import table_at

DAYS = table_at("gold.candles_1d").stored_as
BODY = f"""
SELECT exchange, symbol, min(window_start)::DATE AS first_day,
       max(window_start)::DATE AS last_day, sum(trade_count)::BIGINT AS trade_count
FROM {DAYS} GROUP BY ALL ORDER BY ALL"""


def define(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(f"CREATE OR REPLACE VIEW symbols AS {BODY}")


TERM = Term(
    name="symbols",
    about=(
        "Each exchange's symbols, the UTC days of their first and last trade, and how "
        "many trades there are."
    ),
    reads=(DAYS,),
    define=define,
)
