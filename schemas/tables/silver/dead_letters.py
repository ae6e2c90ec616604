"""What could not become a trade, of all exchanges, with every reason."""

from datetime import timedelta

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.SILVER,
    name="dead_letters",
    stored_as="silver_dead_letters",
    about="One row for each message or frame that did not become a silver trade.",
    columns=(
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("stage", "string", "`ingest`, `silver`, `gate` or `gold`: who did."),
        Column("raw_record", "binary", "The bytes as they came.", nullable=True),
        Column("error_reason", "string", "The first rule that it broke."),
        Column("error_type", "string", "The kind of that rule."),
        Column("error_detail", "string", "What else was wrong.", nullable=True),
        Column("rule_version", "string", "Which rules judged it."),
        Column("kafka_topic", "string", "Where the message came from."),
        Column("kafka_partition", "int", "Where the message came from."),
        Column("kafka_offset", "bigint", "Where the message came from."),
        Column("schema_id", "int", "Registry id in the header, if any.", nullable=True),
        Column("error_timestamp", "timestamp", "When its run began."),
        Column("symbol", "string", "What it says, if it can be read.", nullable=True),
        Column("trade_id", "string", "What it says, if it can be read.", nullable=True),
    ),
    key=("kafka_topic", "kafka_partition", "kafka_offset"),
    partitioned_by=("days(error_timestamp)",),
    kept_for=timedelta(days=90),
    target_file_mb=32,
)
