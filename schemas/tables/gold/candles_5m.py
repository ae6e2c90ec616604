"""Candles of five minutes."""

from datetime import timedelta

from schemas.candle import candle_table

TABLE = candle_table(
    "5m",
    "One row for each exchange, symbol and five minutes with a trade.",
    kept_for=timedelta(days=180),
)
