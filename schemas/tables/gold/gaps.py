"""The ledger: trade ids that gold lacked, and what became of each."""

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.GOLD,
    name="gaps",
    stored_as="trade_gaps",
    about="One row for each hole that was ever found in a symbol's trade ids.",
    columns=(
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("symbol", "string", "Base and quote in one."),
        Column("first_missing_id", "bigint", "First id of the hole when it was found."),
        Column("last_missing_id", "bigint", "Its last id then."),
        Column("state", "string", "`open`, `filling`, `filled` or `absent`."),
        Column("missing", "bigint", "How many of its ids gold still lacks."),
        Column("missing_ranges", "string", "Which: JSON, ranges of first and last."),
        Column("after_timestamp", "timestamp", "Time of the trade before it, UTC."),
        Column("before_timestamp", "timestamp", "Time of the trade behind it, UTC."),
        Column("found_at", "timestamp", "When the hole was found."),
        Column("filled_at", "timestamp", "When nothing was missing.", nullable=True),
        Column(
            "cause",
            "string",
            "`disconnect`, `silence`, `capture was down`, `rejected frame` or `omitted "
            "by the stream`; NULL if one side did not come live.",
            nullable=True,
        ),
        Column(
            "evidence",
            "string",
            "What the exchange answered last, and what it left out: JSON.",
            nullable=True,
        ),
        Column("updated_at", "timestamp", "When this row last changed."),
    ),
    key=("exchange", "symbol", "first_missing_id", "last_missing_id"),
    partitioned_by=("months(found_at)",),
    sorted_by=("exchange", "symbol", "first_missing_id"),
    target_file_mb=32,
)
