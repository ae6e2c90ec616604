"""What became of the messages of each batch of silver."""

from datetime import timedelta

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.SILVER,
    name="accounting",
    stored_as="silver_accounting",
    about="One row for each Kafka partition of each batch: rows in, and rows out.",
    columns=(
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("run_at", "timestamp", "When its run began."),
        Column("query_id", "string", "The stream, by the id in its checkpoint."),
        Column("batch_id", "bigint", "Number of the stream's batch."),
        Column("kafka_topic", "string", "Where the messages came from."),
        Column("kafka_partition", "int", "Where the messages came from."),
        Column("first_offset", "bigint", "Offset of the first message."),
        Column("last_offset", "bigint", "Offset of the last message."),
        Column("bronze_rows", "bigint", "Messages that were read."),
        Column("silver_rows", "bigint", "Messages that became silver trades."),
        Column("dead_letters", "bigint", "Messages that became dead letters."),
    ),
    key=("query_id", "batch_id", "kafka_topic", "kafka_partition"),
    partitioned_by=("months(run_at)",),
    kept_for=timedelta(days=400),
    target_file_mb=32,
)
