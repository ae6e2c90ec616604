"""Messages as Kafka held them, one table for each exchange."""

from datetime import timedelta

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.BRONZE,
    name="trades",
    stored_as="bronze_{exchange}_trades",
    about="One row for each Kafka message, untouched.",
    columns=(
        Column("kafka_key", "binary", "The message's key: the symbol.", nullable=True),
        Column("raw_bytes", "binary", "5-byte registry header and Avro.", True),
        Column(
            "headers", "array<struct<key: string, value: binary>>", "As sent.", True
        ),
        Column("topic", "string", "Where in Kafka it was."),
        Column("partition", "int", "Where in Kafka it was."),
        Column("offset", "bigint", "Where in Kafka it was."),
        Column("kafka_timestamp", "timestamp", "When the broker took it."),
        Column("schema_id", "int", "Registry id in the header, if it has one.", True),
        Column("bronze_ingestion_timestamp", "timestamp", "When its batch began."),
    ),
    key=("topic", "partition", "offset"),
    partitioned_by=("days(bronze_ingestion_timestamp)",),
    kept_for=timedelta(days=7),
)
