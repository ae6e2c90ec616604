"""The columns that candles of every width share."""

from schemas.table import Column

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
    Column("volume", "decimal(38, 18)", "Sum of quantities, base units."),
    Column("vwap", "decimal(38, 18)", "Quote volume by volume."),
    Column("trade_count", "bigint", "Number of trades."),
    Column("created_at", "timestamp", "When the run that first wrote it began."),
    Column("updated_at", "timestamp", "When the run that last wrote it began."),
)
"""First and last are by timestamp, then by trade id as a number."""
