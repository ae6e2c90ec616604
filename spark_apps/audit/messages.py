"""Every message of bronze is once in silver or once in the dead letters.

Offsets are compared in groups, by their number and a hash over them: some numbers for
some thousand messages. Only groups that differ are looked at message by message.
"""

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_apps.audit.pins import Pins
from spark_apps.audit.verdict import SHOWN, Day, Verdict, judged, not_comparable
from spark_apps.spans import Span, within

ROOM = timedelta(days=1)
"""How much later than a message came its batch may end; dead letters tell no time."""
GROUP = 4096
"""Offsets that are compared at once."""
BIN = 256
"""Offsets in which batches are looked for at once: about as many as a batch has."""
PLACE = ("kafka_topic", "kafka_partition", "kafka_offset")
CAME, READ, SILVER, LETTER = "came", "read", "silver", "letter"
Extents = Sequence[tuple[str, int, int, int]]
"""Topic, partition, first and last offset."""
MESSAGES = "bronze = silver + dead letters"
ACCOUNT = "silver's account"
RUNBOOK = "see docs/runbooks/audit.md"


def conserved(pins: Pins, day: Day) -> Verdict:
    """Compare the messages that came on a day with what became of them."""
    asked = "each offset of bronze is once in silver or the dead letters"
    sides = {
        CAME: from_bronze(pins.rows("bronze.trades"), day.span),
        SILVER: from_silver(pins, day.span),
        LETTER: letters(pins, pins.rows("bronze.trades"), day.span),
    }
    every = tagged(sides)
    by_group = every.groupBy(
        *PLACE[:2], F.floor(F.col("kafka_offset") / GROUP).alias("number")
    ).agg(
        F.count_if(F.col("side") == CAME).alias("came"),
        F.count_if(F.col("side") != CAME).alias("went"),
        mixed(F.col("side") == CAME).alias("came_mix"),
        mixed(F.col("side") != CAME).alias("went_mix"),
    )
    differs = by_group.where("came <> went OR came_mix <> went_mix")
    came, went, wrong = by_group.agg(
        F.coalesce(F.sum("came"), F.lit(0)),
        F.coalesce(F.sum("went"), F.lit(0)),
        F.count_if(F.expr("came <> went OR came_mix <> went_mix")),
    ).collect()[0]
    name = pins.exchange.upper()
    if not came and not went:
        return not_comparable(name, MESSAGES, asked, "no message came on that day")
    lost, waiting = 0, 0
    samples: list[str] = []
    if wrong:
        sides[READ] = from_bronze(pins.read_by_silver.rows(pins.spark), day.span)
        lost, samples, waiting = looked_at(tagged(sides), differs)
    return judged(
        name,
        MESSAGES,
        asked,
        expected=came,
        found=went,
        differing=lost,
        samples=samples,
        next_step=f"pause lane__{pins.exchange}, {RUNBOOK}: bronze still has them",
        waiting=f"silver has yet to read {waiting} messages" if waiting else "",
    )


def looked_at(every: DataFrame, differs: DataFrame) -> tuple[int, list[str], int]:
    """Return how many messages are lost or doubled, some of them, how many wait."""
    inside = every.withColumn("number", F.floor(F.col("kafka_offset") / GROUP)).join(
        differs.select(*PLACE[:2], "number"), [*PLACE[:2], "number"], "left_semi"
    )
    each = inside.groupBy(*PLACE).agg(
        F.count_if(F.col("side") == CAME).alias("came"),
        F.count_if(F.col("side") == READ).alias("read"),
        F.count_if(F.col("side").isin(SILVER, LETTER)).alias("went"),
    )
    bad = each.where("read > went OR went > came OR came > 1")
    waiting = each.where("came > went AND read <= went AND came = 1").count()
    return bad.count(), places(bad, "came", "went"), waiting


def accounted(pins: Pins, day: Day) -> Verdict:
    """Count again what silver's account says of the batches that began on a day."""
    asked = "each batch's account, counted again in bronze, silver and dead letters"
    name = pins.exchange.upper()
    extents = extents_of(from_bronze(pins.rows("bronze.trades"), day.span))
    if not extents:
        return not_comparable(name, ACCOUNT, asked, "no message came on that day")
    account = account_of(pins, day)
    began = account.where(among(extents, "first_offset", "first_offset"))
    both = recounted(pins, began, day.wider(timedelta(0), ROOM))
    false = both.where(
        f"bronze_rows <> silver_rows + dead_letters OR bronze_rows <> {CAME} "
        f"OR silver_rows <> {SILVER} OR dead_letters <> {LETTER}"
    )
    read = from_bronze(pins.read_by_silver.rows(pins.spark), day.span)
    around = account.where(among(extents, "last_offset", "first_offset"))
    nowhere = in_batches(read.withColumn("side", F.lit(READ)), around, "left_anti")
    rows, lines = nowhere.count(), false.count()
    said, found = both.agg(
        F.coalesce(F.sum("bronze_rows"), F.lit(0)), F.coalesce(F.sum(CAME), F.lit(0))
    ).collect()[0]
    samples = [
        f"batch {row.batch_id} of partition {row.kafka_partition}: it says "
        f"{row.bronze_rows} = {row.silver_rows} + {row.dead_letters}, there are "
        f"{row[CAME]} = {row[SILVER]} + {row[LETTER]}"
        for row in false.orderBy("batch_id").limit(SHOWN).collect()
    ]
    return judged(
        name,
        ACCOUNT,
        asked,
        expected=said,
        found=found,
        differing=lines + rows,
        samples=[*samples, *(places(nowhere) if rows else [])],
        next_step=f"compare these batches with the tables, {RUNBOOK}",
    )


def account_of(pins: Pins, day: Day) -> DataFrame:
    """Return silver's account of the batches that may hold messages of a day."""
    since = day.span[0] - ROOM
    return pins.mine("silver.accounting").where(F.col("run_at") >= F.lit(since))


def recounted(pins: Pins, batches: DataFrame, span: Span) -> DataFrame:
    """Return these batches of silver's account, with what is there of them.

    CAME, SILVER and LETTER are counted; all their messages must have come in the span.
    """
    sides = {
        CAME: from_bronze(pins.rows("bronze.trades"), span),
        SILVER: from_silver(pins, span),
        LETTER: letters(pins, pins.rows("bronze.trades"), span),
    }
    counted = in_batches(tagged(sides), batches).groupBy(
        "query_id", "batch_id", *PLACE[:2]
    )
    told = counted.agg(
        *(F.count_if(F.col("side") == s).alias(s) for s in (CAME, SILVER, LETTER))
    )
    return batches.join(told, ["query_id", "batch_id", *PLACE[:2]], "left").fillna(
        0, [CAME, SILVER, LETTER]
    )


def in_batches(rows: DataFrame, batches: DataFrame, how: str = "inner") -> DataFrame:
    """Join rows to the batches whose offsets they have, bin by bin."""
    bins = batches.select(
        F.col("query_id"),
        F.col("batch_id"),
        F.col("kafka_topic").alias("t"),
        F.col("kafka_partition").alias("p"),
        "first_offset",
        "last_offset",
        F.explode(
            F.expr(f"sequence(first_offset div {BIN}, last_offset div {BIN})")
        ).alias("bin"),
    )
    mine = (
        (F.col("kafka_topic") == F.col("t"))
        & (F.col("kafka_partition") == F.col("p"))
        & (F.expr(f"kafka_offset div {BIN}") == F.col("bin"))
        & F.col("kafka_offset").between(F.col("first_offset"), F.col("last_offset"))
    )
    return rows.join(F.broadcast(bins), mine, how)


def from_bronze(bronze: DataFrame, span: Span) -> DataFrame:
    """Return the places of the messages that bronze took in a span."""
    return bronze.where(within("bronze_ingestion_timestamp", [span])).select(
        F.col("topic").alias("kafka_topic"),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
    )


def from_silver(pins: Pins, span: Span) -> DataFrame:
    """Return the places of the silver rows whose messages came in a span."""
    came = within("bronze_ingestion_timestamp", [span])
    return pins.rows("silver.trades").where(came).select(*PLACE)


def letters(pins: Pins, bronze: DataFrame, span: Span) -> DataFrame:
    """Return the places of the dead letters whose messages came in a span."""
    extents = extents_of(from_bronze(bronze, span))
    return (
        pins.mine("silver.dead_letters")
        .where("stage = 'silver'")
        .where(F.col("error_timestamp") >= F.lit(span[0] - ROOM))
        .where(among(extents, "kafka_offset", "kafka_offset"))
        .select(*PLACE)
    )


def extents_of(rows: DataFrame) -> Extents:
    told = rows.groupBy(*PLACE[:2]).agg(F.min(PLACE[2]), F.max(PLACE[2]))
    return [tuple(row) for row in told.collect()]


def among(extents: Extents, at_least: str, at_most: str) -> str:
    """Return SQL that is true where a row reaches into the extents."""
    return (
        " OR ".join(
            f"(kafka_topic = '{topic}' AND kafka_partition = {partition} "
            f"AND {at_least} >= {first} AND {at_most} <= {last})"
            for topic, partition, first, last in extents
        )
        or "false"
    )


def tagged(sides: dict[str, DataFrame]) -> DataFrame:
    """Return the rows of all sides, with whose they are."""
    parts = [rows.withColumn("side", F.lit(side)) for side, rows in sides.items()]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    return whole


def mixed(whose: Column) -> Column:
    """Return the exclusive or over hashes of the offsets of one side."""
    return F.coalesce(
        F.bit_xor(F.when(whose, F.xxhash64("kafka_offset"))), F.lit(0).cast("bigint")
    )


def places(rows: DataFrame, *figures: str) -> list[str]:
    """Return some places as text."""
    some = rows.orderBy(*PLACE[1:]).limit(SHOWN).collect()
    return [
        f"{row.kafka_topic}/{row.kafka_partition}@{row.kafka_offset}"
        + "".join(f" {name} {row[name]}" for name in figures)
        for row in some
    ]
