"""Dead letters are judged again, sent again, and followed to where they came."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from expectations.replay import Asked
from expectations.silver.trades import rules
from expectations.stage import STAGE, TRADE
from schemas.tables.silver.replays import TABLE
from schemas.topic import TRADES
from schemas.trade import TRADE_COLUMNS
from spark_apps.app import Run
from spark_apps.quality import failures, judged
from spark_apps.silver.trades import read
from spark_apps.wire import schema_id

PLACE = ("kafka_topic", "kafka_partition", "kafka_offset")
RUN, LETTER, FIRST, ATTEMPT = (
    f"bullion.replay-{name}" for name in ("run", "letter", "first", "attempt")
)
"""Headers of a message that was sent again; bronze keeps them."""
WAITING, GOLD, DUPLICATE, CONFLICT, REFUSED, DEAD = (
    *("waiting", "gold", "duplicate", "conflict", "refused", "dead"),
)
"""What becomes of a letter that was sent again."""
PASSES, BREAKS, HELD, SENT, COPY, BARE = (
    *("passes", "breaks", "held", "sent", "copy", "bare"),
)
"""What a letter is today: the last four of these are left out of a replay."""
ELSEWHERE = ("ingest", STAGE, "gold")
"""Stages whose letters are left out, and are counted by their stage's name."""


def chosen(letters: DataFrame, asked: Asked) -> DataFrame:
    """Return the letters that a person chose, of whatever stage."""
    mine = (
        (F.col("exchange") == asked.exchange.upper())
        & (F.col("error_timestamp") >= F.lit(asked.since))
        & (F.col("error_timestamp") < F.lit(asked.until))
    )
    rows = letters.where(mine)
    if asked.reasons:
        rows = rows.where(F.col("error_reason").isin(*asked.reasons))
    return rows


def judged_again(letters: DataFrame, run: Run) -> DataFrame:
    """Return what today's registry, decoder and rules say of the letters' bytes.

    One row for each letter of the stage `silver` that has bytes: PLACE, the record's
    columns as far as they can be read, and `broken`, an array of reasons.
    """
    asked = rules(run.exchange)
    messages = letters.where(
        (F.col("stage") == "silver") & (F.length("raw_record") > 0)
    ).select(
        F.col("raw_record").alias("raw_bytes"),
        F.col("kafka_topic").alias("topic"),
        F.col("kafka_partition").alias("partition"),
        F.col("kafka_offset").alias("offset"),
        schema_id("raw_record").alias("schema_id"),
        F.col("error_timestamp").alias("bronze_ingestion_timestamp"),
    )
    broken = F.when(F.col("is_sound"), F.array().cast("array<string>")).otherwise(
        F.col("failures.error_reason")
    )
    return (
        judged(read(messages, run), asked)
        .withColumn("failures", failures(asked, F.col("unreadable")))
        .select(
            *PLACE, *(column.name for column in TRADE_COLUMNS), broken.alias("broken")
        )
    )


def traced(letters: DataFrame, ledger: DataFrame) -> DataFrame:
    """Return the letters with where their bytes first were, and how often sent.

    A letter that a replay brought back is the first one's: `first_*` is that one's
    place and time, `sent_by` who judged those that were sent (an array), `on_its_way`
    whether one of them has not come anywhere yet.
    """
    back = ledger.where("sent_offset IS NOT NULL").select(
        "kafka_topic",
        F.col("sent_partition").alias("kafka_partition"),
        F.col("sent_offset").alias("kafka_offset"),
        F.col("first_partition").alias("origin_partition"),
        F.col("first_offset").alias("origin_offset"),
        F.col("first_seen").alias("origin_seen"),
    )
    sent = ledger.groupBy("kafka_topic", "first_partition", "first_offset").agg(
        F.collect_set("judged_by").alias("sent_by"),
        F.count("*").alias("sent"),
        F.max(F.col("outcome") == WAITING).alias("on_its_way"),
    )
    return (
        letters.join(back, list(PLACE), "left")
        .withColumn(
            "first_partition", F.coalesce("origin_partition", "kafka_partition")
        )
        .withColumn("first_offset", F.coalesce("origin_offset", "kafka_offset"))
        .withColumn("first_seen", F.coalesce("origin_seen", "error_timestamp"))
        .drop("origin_partition", "origin_offset", "origin_seen")
        .join(sent, ["kafka_topic", "first_partition", "first_offset"], "left")
    )


def state(asked: Asked, judge: str) -> Column:
    """Return what becomes of a letter: one of the words above, or its stage.

    It needs the columns of `traced`, `broken` and `in_gold` (whether gold has the very
    trade), and `copy`, which is 1 for the first letter with the same bytes.
    """
    before = F.array_contains("sent_by", judge) | F.col("on_its_way")
    known = F.when(F.lit(not asked.again) & F.coalesce(before, F.lit(False)), SENT)
    return F.coalesce(
        F.when(F.col("stage").isin(*ELSEWHERE), F.col("stage")),
        F.when(F.coalesce(F.length("raw_record"), F.lit(0)) == 0, BARE),
        F.when(F.col("copy") > 1, COPY),
        known,
        F.when(F.size("broken") > 0, BREAKS),
        F.when(F.coalesce("in_gold", F.lit(False)), HELD),
        F.lit(PASSES),
    )


def same_bytes() -> Column:
    """Return which one it is of the letters that have the same bytes, from 1."""
    alike = Window.partitionBy("stage", F.sha2("raw_record", 256)).orderBy(
        "error_timestamp", "kafka_partition", "kafka_offset"
    )
    return F.row_number().over(alike)


def entries(letters: DataFrame, said: Mapping[str, object]) -> DataFrame:
    """Return letters that are sent as new rows of the ledger."""
    told = letters.withColumn(
        "attempt", F.coalesce("sent", F.lit(0)).cast("int") + F.lit(1)
    ).withColumn("outcome", F.lit(WAITING))
    for name, value in said.items():
        told = told.withColumn(name, F.lit(value))
    empty = ("sent_partition", "sent_offset", "outcome_detail", "settled_at")
    for column in TABLE.columns:
        if column.name in empty:
            told = told.withColumn(column.name, F.lit(None).cast(column.type))
    return told.select(*(column.name for column in TABLE.columns))


def messages(sent: DataFrame, letters: DataFrame, exchange: str) -> DataFrame:
    """Return rows of the ledger as Kafka messages: the bytes as they were.

    They go to the partition that they were in, where a symbol stays in order.
    """
    raw = letters.where("stage = 'silver'").select(*PLACE, "raw_record", "symbol")
    headers = F.array(
        header(RUN, F.col("run_id")),
        header(LETTER, place("kafka_partition", "kafka_offset")),
        header(FIRST, place("first_partition", "first_offset")),
        header(ATTEMPT, F.col("attempt").cast("string")),
    )
    return sent.join(raw, list(PLACE)).select(
        F.lit(TRADES.name(exchange)).alias("topic"),
        F.col("kafka_partition").alias("partition"),
        F.col("symbol").cast("binary").alias("key"),
        F.col("raw_record").alias("value"),
        headers.alias("headers"),
    )


def header(name: str, value: Column) -> Column:
    return F.struct(F.lit(name).alias("key"), value.cast("binary").alias("value"))


def place(partition: str, offset: str) -> Column:
    """Return a place in a topic as text, such as `3/1207`."""
    return F.concat_ws("/", F.col(partition), F.col(offset))


def tagged(kafka: DataFrame) -> DataFrame:
    """Return what was sent again among messages with `headers`, each letter once.

    `run_id`, `letter` (its place as text), `sent_partition` and `sent_offset`, the
    first of them where a run sent one more than once.
    """

    def told(name: str) -> Column:
        with_it = F.filter("headers", lambda each: each["key"] == name)
        return F.get(with_it, F.lit(0))["value"].cast("string")

    return (
        kafka.where(F.size("headers") > 0)
        .select(
            told(RUN).alias("run_id"),
            told(LETTER).alias("letter"),
            F.struct("offset", "partition").alias("at"),
        )
        .where("run_id IS NOT NULL AND letter IS NOT NULL")
        .groupBy("run_id", "letter")
        .agg(F.min("at").alias("at"))
        .select(
            *("run_id", "letter"),
            F.col("at.partition").alias("sent_partition"),
            F.col("at.offset").alias("sent_offset"),
        )
    )


def outcomes(
    sent: DataFrame, letters: DataFrame, silver: DataFrame, gold: DataFrame
) -> DataFrame:
    """Return rows of the ledger with what became of what they sent.

    `letters` are the dead letters of the exchange, `silver` its rows, `gold` the trades
    with `message_id`, `held` (their digits), `ingestion_timestamp` and
    `gold_ingestion_timestamp`; `silver` has its digits in `here`.
    """
    where = ("kafka_topic", "sent_partition", "sent_offset")
    moved = {"kafka_partition": "sent_partition", "kafka_offset": "sent_offset"}
    died = (
        letters.where(F.col("stage") != "ingest")
        .groupBy(*PLACE)
        .agg(
            F.first("stage").alias("died_at"),
            F.first(F.concat_ws(", ", "error_reason", "error_detail")).alias("died_of"),
        )
        .withColumnsRenamed(moved)
    )
    left_out = (
        letters.where(F.col("stage") == STAGE)
        .groupBy(*TRADE)
        .agg(F.first("error_reason").alias("refused_for"))
    )
    come = gold.withColumnRenamed("ingestion_timestamp", "came")
    sound = (
        silver.withColumnsRenamed(moved)
        .join(come, "message_id", "left")
        .join(left_out, list(TRADE), "left")
        .select(
            *(*where, "ingestion_timestamp", "here", "refused_for"),
            *("came", "held", "gold_ingestion_timestamp"),
        )
    )
    mine = (F.col("gold_ingestion_timestamp") >= F.col("replayed_at")) & (
        F.col("came") == F.col("ingestion_timestamp")
    )
    outcome = (
        F.when(F.col("died_at") == "silver", DEAD)
        .when(F.col("died_at") == "gold", CONFLICT)
        .when(F.col("died_at") == STAGE, REFUSED)
        .when(F.col("refused_for").isNotNull(), REFUSED)
        .when(F.col("held") == F.col("here"), F.when(mine, GOLD).otherwise(DUPLICATE))
        .otherwise(WAITING)
    )
    return (
        sent.join(died, list(where), "left")
        .join(sound, list(where), "left")
        .withColumn("outcome", outcome)
        .withColumn("outcome_detail", F.coalesce("died_of", "refused_for"))
    )
