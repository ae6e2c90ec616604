"""Candles of any width, and, if asked for, of the windows in which nothing traded.

The tables hold a candle for each window that had a trade, and none for the others: what
did not happen is not written. Who reads says whether it is carried.
"""

import duckdb

from query.reading.terms import Term

NAME = "candles"
FINEST = "gold_crypto_candles_1m"
TABLES = {
    "gold_crypto_candles_1d": 86_400,
    "gold_crypto_candles_1h": 3_600,
    "gold_crypto_candles_5m": 300,
}
"""Widths in seconds, the widest first. Candles of a minute are kept for the shortest
time: before their first day, a wider candle comes from the widest that divides it."""
ARGUMENTS = "(width, since, until, carried := false)"
COLUMNS = (
    "exchange, symbol, window_start, open_price, high_price, low_price, close_price, "
    "volume, quote_volume, taker_buy_volume, trade_count"
)


def define(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(f"CREATE OR REPLACE MACRO {NAME}{ARGUMENTS} AS TABLE {_body()}")


def _body() -> str:
    wider: list[str] = []
    taken: list[str] = []
    for table, seconds in TABLES.items():
        # Of these conditions all but one are false before anything is read.
        mine = " AND ".join([*taken, f"epoch(width::INTERVAL) % {seconds} = 0"])
        wider.append(
            f"SELECT {COLUMNS} FROM {table} "
            f"WHERE {mine} AND window_start < (SELECT day FROM kept)"
        )
        taken.append(f"epoch(width::INTERVAL) % {seconds} <> 0")
    return f"""
WITH asked AS (
    SELECT CASE WHEN epoch(width::INTERVAL) >= 60
                     AND epoch(width::INTERVAL) % 60 = 0
                THEN time_bucket(width::INTERVAL, since::TIMESTAMPTZ)
                ELSE error('candles are as wide as a minute or several, such as '
                           'INTERVAL 15 MINUTE, and not ' || width::VARCHAR)
                END AS first,
           least(until::TIMESTAMPTZ, now()) AS after),
kept AS (
    SELECT coalesce(min(window_date)::TIMESTAMPTZ, now()) AS day FROM {FINEST}),
finer AS (
    SELECT {COLUMNS} FROM {FINEST}
    UNION ALL {" UNION ALL ".join(wider)}),
traded AS (
    SELECT exchange, symbol,
           time_bucket(width::INTERVAL, window_start) AS window_start,
           arg_min(open_price, finer.window_start) AS open_price,
           max(high_price) AS high_price, min(low_price) AS low_price,
           arg_max(close_price, finer.window_start) AS close_price,
           CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume,
           CASE WHEN count(quote_volume) = count(*) THEN sum(quote_volume) END
               AS quote_volume,
           CASE WHEN count(taker_buy_volume) = count(*) THEN sum(taker_buy_volume) END
               AS taker_buy_volume,
           sum(trade_count)::BIGINT AS trade_count
    FROM finer
    WHERE finer.window_start >= (SELECT first FROM asked)
      AND time_bucket(width::INTERVAL, finer.window_start) < (SELECT after FROM asked)
    GROUP BY ALL),
before AS (
    SELECT exchange, symbol, arg_max(close_price, window_start) AS close_price
    FROM finer WHERE carried AND window_start < (SELECT first FROM asked)
    GROUP BY ALL),
symbols AS (
    SELECT exchange, symbol, any_value(before.close_price) AS close_price,
           CASE WHEN any_value(before.close_price) IS NULL THEN min(window_start)
                ELSE any_value(asked.first) END AS first,
           any_value(asked.after) AS after
    FROM traded FULL JOIN before USING (exchange, symbol), asked
    WHERE carried GROUP BY ALL),
windows AS (
    SELECT exchange, symbol, close_price AS before,
           unnest(generate_series(first, after, width::INTERVAL)) AS window_start
    FROM symbols),
whole AS (
    SELECT exchange, symbol, window_start, traded.* EXCLUDE (
               exchange, symbol, window_start, close_price),
           last_value(coalesce(traded.close_price, windows.before) IGNORE NULLS) OVER (
               PARTITION BY exchange, symbol ORDER BY window_start) AS close_price,
           traded.close_price IS NULL AS carried_on
    FROM windows LEFT JOIN traded USING (exchange, symbol, window_start)
    WHERE window_start < (SELECT after FROM asked)
    UNION ALL BY NAME
    SELECT *, false AS carried_on FROM traded WHERE NOT carried)
SELECT exchange, symbol, window_start, window_start + width::INTERVAL AS window_end,
       coalesce(open_price, close_price) AS open_price,
       coalesce(high_price, close_price) AS high_price,
       coalesce(low_price, close_price) AS low_price, close_price,
       CASE WHEN carried_on THEN 0 ELSE volume END::DECIMAL(38, 18) AS volume,
       CASE WHEN carried_on THEN 0 ELSE quote_volume END::DECIMAL(38, 18)
           AS quote_volume,
       CASE WHEN carried_on THEN 0 ELSE taker_buy_volume END::DECIMAL(38, 18)
           AS taker_buy_volume,
       exact_ratio(quote_volume, volume) AS vwap,
       coalesce(trade_count, 0) AS trade_count, carried_on AS carried
FROM whole ORDER BY exchange, symbol, window_start"""


TERM = Term(
    name=NAME,
    arguments=ARGUMENTS,
    about=(
        "Candles of any width of whole minutes, such as INTERVAL 15 MINUTE, aligned "
        "as DuckDB's time_bucket does: counted from 2000-01-03 (UTC), a Monday. "
        "Windows begin at or after the one that `since` lies in, and before `until`. "
        "With carried := true a window without trades has the last price as its "
        "four, and no volume; none is made before a symbol's first trade, or in the "
        "future."
    ),
    reads=(FINEST, *TABLES),
    define=define,
    columns=(
        *("exchange", "symbol", "window_start", "window_end"),
        *("open_price", "high_price", "low_price", "close_price"),
        *("volume", "quote_volume", "taker_buy_volume", "vwap"),
        *("trade_count", "carried"),
    ),
)
