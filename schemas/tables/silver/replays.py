"""Which dead letters people sent again, and what became of each."""

from datetime import timedelta

from schemas.table import Column, Layer, Table

TABLE = Table(
    layer=Layer.SILVER,
    name="replays",
    stored_as="dead_letter_replays",
    about="One row for each time a dead letter was sent again: who, why, what came.",
    columns=(
        Column("exchange", "string", "Name of the exchange in capitals."),
        Column("run_id", "string", "The run of `replay_dead_letters` in Airflow."),
        Column("kafka_topic", "string", "Of the letter that was sent."),
        Column("kafka_partition", "int", "Of the letter that was sent."),
        Column("kafka_offset", "bigint", "Of the letter that was sent."),
        Column("first_partition", "int", "Where these bytes first were."),
        Column("first_offset", "bigint", "Where these bytes first were."),
        Column("first_seen", "timestamp", "When they first became a dead letter."),
        Column("error_reason", "string", "Why the letter was one."),
        Column("attempt", "int", "How often it was sent, this time included."),
        Column("judged_by", "string", "Rules and schemas of the time it was sent."),
        Column("reason", "string", "Why it was sent, in the person's words."),
        Column("replayed_by", "string", "Who sent it."),
        Column("replayed_at", "timestamp", "When."),
        Column("sent_partition", "int", "Where the copy is; NULL on its way.", True),
        Column("sent_offset", "bigint", "Where the copy is; NULL on its way.", True),
        Column(
            "outcome",
            "string",
            "`waiting`, `gold`, `duplicate`, `conflict`, `refused` or `dead`.",
        ),
        Column("outcome_detail", "string", "Why it is dead again, or refused.", True),
        Column("settled_at", "timestamp", "When the outcome was found.", True),
    ),
    key=("run_id", "kafka_topic", "kafka_partition", "kafka_offset"),
    partitioned_by=("months(replayed_at)",),
    kept_for=timedelta(days=400),
    target_file_mb=32,
)
