"""Every trade of every exchange, once."""

from schemas.table import Column, Layer, Table
from schemas.trade import TRADE_COLUMNS

TABLE = Table(
    layer=Layer.GOLD,
    name="trades",
    stored_as="gold_crypto_trades",
    about="Each trade that passed its gate, once for all time.",
    columns=(
        *TRADE_COLUMNS,
        Column("exchange_date", "date", "UTC day of `timestamp`."),
        Column("exchange_hour", "int", "UTC hour of `timestamp`, 0 to 23."),
        Column("gold_ingestion_timestamp", "timestamp", "When its run began."),
    ),
    key=("message_id",),
    partitioned_by=("hours(timestamp)",),
    sorted_by=("symbol", "timestamp", "trade_id"),
    target_file_mb=256,
    distribution="hash",
)
