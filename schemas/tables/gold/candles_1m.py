"""Candles of one minute."""

from datetime import timedelta

from schemas.candle import candle_table

TABLE = candle_table(
    "1m",
    "One row for each exchange, symbol and UTC minute that had a trade.",
    kept_for=timedelta(days=90),
)
