"""Candles of one minute."""

from datetime import timedelta

from schemas.candle import CANDLE_COLUMNS
from schemas.table import Layer, Table

TABLE = Table(
    layer=Layer.GOLD,
    name="candles_1m",
    stored_as="gold_crypto_candles_1m",
    about="One row for each exchange, symbol and UTC minute that had a trade.",
    columns=CANDLE_COLUMNS,
    key=("exchange", "symbol", "window_start"),
    partitioned_by=("days(window_start)",),
    kept_for=timedelta(days=90),
    target_file_mb=64,
)
