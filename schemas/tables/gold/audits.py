"""What each audit of a day found: one row for each check and exchange."""

from datetime import timedelta

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.GOLD,
    name="audits",
    stored_as="audits",
    about="One row for each check of each audit: what was expected, what was found.",
    columns=(
        Column("run_id", "string", "The run of `audit` in Airflow, or `by hand`."),
        Column("audited_at", "timestamp", "When the audit began."),
        Column("day", "date", "Which day it asked about, UTC."),
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("check_name", "string", "Which check, such as `gold is unique`."),
        Column("state", "string", "`passed`, `failed` or `not comparable`."),
        Column("asked", "string", "What was compared with what."),
        Column("expected", "bigint", "How many there should be.", nullable=True),
        Column("found", "bigint", "How many there are.", nullable=True),
        Column("differing", "bigint", "How many are not as they should be."),
        Column("samples", "string", "Some of those: a JSON list of texts."),
        Column("note", "string", "Why, and what to do next; empty if all is well."),
    ),
    key=("run_id", "day", "exchange", "check_name"),
    partitioned_by=("months(audited_at)",),
    sorted_by=("day", "exchange", "check_name"),
    kept_for=timedelta(days=400),
    target_file_mb=32,
)
