"""Candles of one hour."""

from datetime import timedelta

from schemas.candle import candle_table

TABLE = candle_table(
    "1h",
    "One row for each exchange, symbol and UTC hour that had a trade.",
    kept_for=timedelta(days=3 * 365),
)
