"""Which trade ids gold holds, as ranges without a hole."""

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.GOLD,
    name="ranges",
    stored_as="trade_ranges",
    about="One row for each unbroken range of trade ids that gold holds.",
    columns=(
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("symbol", "string", "Base and quote in one."),
        Column("first_id", "bigint", "The range's first trade id."),
        Column("last_id", "bigint", "The range's last trade id."),
        Column("first_timestamp", "timestamp", "Time of the first trade, UTC."),
        Column("last_timestamp", "timestamp", "Time of the last trade, UTC."),
        Column(
            "live_from_id",
            "bigint",
            "Its first trade that came by WebSocket, and not from the past.",
            nullable=True,
        ),
        Column(
            "live_since",
            "timestamp",
            "When its first frame by WebSocket reached us.",
            nullable=True,
        ),
        Column(
            "first_connection",
            "string",
            "By which connection its first trade came: opened, why, frames rejected.",
            nullable=True,
        ),
        Column(
            "last_connection",
            "string",
            "By which connection its last trade came.",
            nullable=True,
        ),
    ),
    key=("exchange", "symbol", "first_id"),
    partitioned_by=("exchange",),
    sorted_by=("symbol", "first_id"),
    target_file_mb=32,
)
