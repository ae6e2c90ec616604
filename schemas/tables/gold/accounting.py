"""What became of the silver rows of each batch of gold."""

from datetime import timedelta

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.GOLD,
    name="accounting",
    stored_as="gold_accounting",
    about="One row for each batch: silver rows in, gold rows out, and the others.",
    columns=(
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("run_at", "timestamp", "When its run began."),
        Column("query_id", "string", "The stream, by the id in its checkpoint."),
        Column("batch_id", "bigint", "Number of the stream's batch."),
        Column("silver_rows", "bigint", "Rows that were read."),
        Column("inserted", "bigint", "Trades that gold did not have."),
        Column("duplicates", "bigint", "Copies of trades, conflicts among them."),
        Column("conflicts", "bigint", "Copies with other digits: dead letters."),
        Column(
            "refused",
            "bigint",
            "Rows that a person refused at the gate; NULL before that could be.",
            nullable=True,
        ),
    ),
    key=("query_id", "batch_id"),
    partitioned_by=("months(run_at)",),
    kept_for=timedelta(days=400),
    target_file_mb=32,
)
