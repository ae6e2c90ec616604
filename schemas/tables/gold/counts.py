"""Trades of short spans, counted at the exchange's REST and in gold."""

from datetime import timedelta

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.GOLD,
    name="counts",
    stored_as="trade_counts",
    about="One row for each span that REST was asked for, where ids prove no loss.",
    columns=(
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("symbol", "string", "Base and quote in one."),
        Column("since", "timestamp", "After this moment, UTC; itself not counted."),
        Column("until", "timestamp", "Before this moment, UTC; itself not counted."),
        Column("at_exchange", "bigint", "Trades that REST had between the two."),
        Column("in_gold", "bigint", "Trades that gold had there.", nullable=True),
        Column("state", "string", "`open`, `equal`, `short` or `beyond`."),
        Column("asked_at", "timestamp", "When REST was asked."),
        Column("compared_at", "timestamp", "When gold was.", nullable=True),
    ),
    key=("exchange", "symbol", "since", "until"),
    partitioned_by=("days(asked_at)",),
    sorted_by=("exchange", "symbol", "asked_at"),
    kept_for=timedelta(days=30),
    target_file_mb=32,
)
