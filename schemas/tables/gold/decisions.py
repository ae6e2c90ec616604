"""What people decided of lanes that their gate had closed."""

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.GOLD,
    name="decisions",
    stored_as="gate_decisions",
    about="One row for each time a person released a closed lane.",
    columns=(
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("snapshot_from", "bigint", "Silver's rows behind this one; -1 is all."),
        Column("snapshot_to", "bigint", "Silver's rows up to this one."),
        Column(
            "decision", "string", "`admit`, or `refuse`: the rows are dead letters."
        ),
        Column("expectations", "string", "Which were not met, with commas between."),
        Column("silver_rows", "bigint", "Rows that the gate had before it."),
        Column("named_rows", "bigint", "Those of them that did not meet one."),
        Column("reason", "string", "Why, in the person's words."),
        Column("decided_by", "string", "Who."),
        Column("decided_at", "timestamp", "When."),
        Column("run_id", "string", "The run of `release_lane` in Airflow."),
    ),
    key=("exchange", "run_id"),
    partitioned_by=("months(decided_at)",),
    target_file_mb=32,
)
