"""Candles of any width: the columns they share, and the table of one width."""

from datetime import timedelta

from schemas.table import Column, Layer, Table

SUM = "decimal(38, 18)"
CANDLE_COLUMNS = (
    Column("exchange", "string", "Name of the exchange in capitals."),
    Column("symbol", "string", "Base and quote in one, such as BTCUSD."),
    Column("window_start", "timestamp", "First instant of the window, UTC."),
    Column("window_end", "timestamp", "First instant after the window, UTC."),
    Column("window_date", "date", "UTC day of `window_start`."),
    Column("open_price", "decimal(38, 18)", "Price of the first trade."),
    Column("high_price", "decimal(38, 18)", "Highest price."),
    Column("low_price", "decimal(38, 18)", "Lowest price."),
    Column("close_price", "decimal(38, 18)", "Price of the last trade."),
    Column("volume", SUM, "Sum of quantities, base units.", nullable=True),
    Column("quote_volume", SUM, "Sum of price times quantity.", nullable=True),
    Column("taker_buy_volume", SUM, "Volume that takers bought.", nullable=True),
    Column("vwap", SUM, "Quote volume by volume.", nullable=True),
    Column("trade_count", "bigint", "Number of trades."),
    Column("created_at", "timestamp", "When the run that first wrote it began."),
    Column("updated_at", "timestamp", "When the run that last wrote it began."),
)
"""First and last are by timestamp, then by trade id as a number.

A sum is NULL where it has more than 20 places before the point: no decimal holds it.
"""


def candle_table(name: str, about: str, kept_for: timedelta, by: str = "days") -> Table:
    """Return the table of the candles of one width, partitioned `by` days or months."""
    return Table(
        layer=Layer.GOLD,
        name=f"candles_{name}",
        stored_as=f"gold_crypto_candles_{name}",
        about=about,
        columns=CANDLE_COLUMNS,
        key=("exchange", "symbol", "window_start"),
        partitioned_by=(f"{by}(window_start)",),
        sorted_by=("symbol", "window_start"),
        kept_for=kept_for,
        target_file_mb=64,
    )
