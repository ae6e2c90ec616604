"""Candles of one day."""

from datetime import timedelta

from schemas.candle import candle_table

TABLE = candle_table(
    "1d",
    "One row for each exchange, symbol and UTC day that had a trade.",
    kept_for=timedelta(days=5 * 365),
    by="months",
)
