"""How far apart exchanges are: the last prices of two symbols, window by window."""

import duckdb

from query.reading import candles
from query.reading.terms import Term

# No argument may be named as a column is: it would stand for it.
ARGUMENTS = "(first_symbol, second_symbol, width, since, until)"
BODY = f"""
WITH priced AS (
    SELECT exchange, symbol, window_start, window_end, close_price, carried
    FROM {candles.NAME}(width, since, until, carried := true))
SELECT one.window_start, one.window_end, one.exchange, one.symbol, one.close_price,
       other.exchange AS other_exchange, other.symbol AS other_symbol,
       other.close_price AS other_close_price,
       one.close_price - other.close_price AS spread,
       10000 * exact_ratio(one.close_price - other.close_price,
                           other.close_price)::DOUBLE AS spread_bps,
       one.carried OR other.carried AS carried
FROM priced AS one JOIN priced AS other
     ON one.window_start = other.window_start AND one.exchange <> other.exchange
WHERE one.symbol = first_symbol AND other.symbol = second_symbol
  AND (first_symbol <> second_symbol OR one.exchange < other.exchange)
ORDER BY one.window_start, one.exchange, other.exchange"""


def define(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(f"CREATE OR REPLACE MACRO spread{ARGUMENTS} AS TABLE {BODY}")


TERM = Term(
    name="spread",
    arguments=ARGUMENTS,
    about=(
        "The last price of a symbol on one exchange less that of another symbol, or "
        "of the same, on another exchange: for each window in which both have one. "
        "`carried` says that one of them is from an earlier window; `spread_bps` is "
        "in hundredths of a percent of the other price. Quote currencies may differ."
    ),
    reads=(candles.NAME,),
    define=define,
    columns=(
        *("window_start", "window_end", "exchange", "symbol", "close_price"),
        *("other_exchange", "other_symbol", "other_close_price"),
        *("spread", "spread_bps", "carried"),
    ),
)
