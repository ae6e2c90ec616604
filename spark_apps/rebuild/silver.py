"""Silver and its dead letters, derived again from bronze: what differs is changed.

A message is told by its place in Kafka. Only messages that silver has read already are
looked at, at pinned snapshots, so that its lane may go on. What silver has of messages
that bronze lacks is left alone: it may be all that there is of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from functools import cached_property

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from schemas.table import Table, table_at
from schemas.topic import TRADES
from spark_apps.accounting import Refined
from spark_apps.app import Run
from spark_apps.audit import messages
from spark_apps.audit.messages import PLACE, ROOM, extents_of, from_bronze
from spark_apps.audit.pins import Pins, pinned
from spark_apps.audit.verdict import Day
from spark_apps.entry import enter
from spark_apps.rebuild.rows import (
    ACTION,
    DROP,
    MEND,
    SAID,
    append,
    change,
    named,
    said,
)
from spark_apps.registry import registered, resolved
from spark_apps.settings import Settings
from spark_apps.silver.trades import silver_trades
from spark_apps.spans import within
from spark_apps.streams import REBUILD

SILVER, LETTERS = table_at("silver.trades"), table_at("silver.dead_letters")
ACCOUNT = table_at("silver.accounting")
STAGE = "silver"
OURS = ("validation_timestamp", "rule_version", "error_timestamp")
"""Columns that tell of the run, and not of the message."""


@dataclass(frozen=True)
class Part:
    """The messages that bronze took on a day, and what silver has of them."""

    pins: Pins
    day: Day
    run: Run

    @classmethod
    def of(cls, pins: Pins, day: Day, registry_url: str) -> "Part":
        """Return a day's messages, with every schema that one of them names."""
        run = Run(
            exchange=pins.exchange,
            started_at=datetime.now(UTC),
            schemas=registered(registry_url, TRADES.subject(pins.exchange)),
        )
        rows = cls(pins, day, run).bronze.select("schema_id").distinct().collect()
        ids = {row.schema_id for row in rows if row.schema_id is not None}
        found = resolved(registry_url, ids - run.schemas.keys())
        return cls(pins, day, replace(run, schemas={**run.schemas, **found}))

    @cached_property
    def bronze(self) -> DataFrame:
        """Each message that silver has read, once."""
        rows = self.pins.read_by_silver.rows(self.pins.spark)
        mine = rows.where(within("bronze_ingestion_timestamp", [self.day.span]))
        return mine.dropDuplicates(["topic", "partition", "offset"])

    def bounds(self, table: Table) -> str:
        """Return SQL over `{0}`, the table's name, that its rows of the day fulfil."""
        if table is SILVER:
            return within("{0}.bronze_ingestion_timestamp", [self.day.span])
        return (
            f"{{0}}.stage = '{STAGE}' AND {{0}}.exchange = "
            f"'{self.pins.exchange.upper()}' AND "
            f"{{0}}.error_timestamp >= timestamp'{self.day.span[0] - ROOM}'"
        )

    def stored(self, table: Table) -> DataFrame:
        """Return what a table has of the day, or of more than that."""
        rows = self.pins.rows(table.address).alias("stored")
        return rows.where(self.bounds(table).format("stored"))

    def differing(self, table: Table) -> DataFrame:
        """Return one row for each message of which a table says something else.

        PLACE, the columns as they should be, `wanted`, and `copies` that are stored.
        """
        of_message = [each for each in table.columns if each.name not in OURS]
        made = silver_trades(self.bronze, self.run)[table.address]
        made = made.withColumn(SAID, said(of_message)).withColumn("wanted", F.lit(True))
        held = (
            self.stored(table)
            .withColumn("says", said(of_message))
            .groupBy(*PLACE)
            .agg(
                F.count("*").alias("copies"),
                F.min("says").alias("least"),
                F.max("says").alias("most"),
            )
        )
        came = from_bronze(self.bronze, self.day.span)
        both = made.join(
            held.join(came, list(PLACE), "left_semi"), list(PLACE), "full_outer"
        )
        same = f"wanted AND copies = 1 AND least = {SAID} AND most = {SAID}"
        found = both.where(f"NOT coalesce({same}, false)").withColumn(
            "copies", F.coalesce("copies", F.lit(0))
        )
        return found.join(self.unread(), list(PLACE), "left_anti")

    def unread(self) -> DataFrame:
        """Return the places of silver's rows that gold's lane has yet to read.

        It will read them as they were written just now, whatever becomes of them.
        """
        came = within("bronze_ingestion_timestamp", [self.day.span])
        read = self.pins.read_by_gold.rows(self.pins.spark).where(came)
        there = self.stored(SILVER).select(*PLACE)
        if self.pins.read_by_gold == self.pins.tables[SILVER.address]:
            return there.where("false")
        return there.join(read, list(PLACE), "left_anti")

    def unproven(self) -> int:
        """Return how many rows of silver have no message in bronze."""
        came = from_bronze(self.pins.rows("bronze.trades"), self.day.span)
        return self.stored(SILVER).join(came, list(PLACE), "left_anti").count()


def rebuild(
    spark: SparkSession, settings: Settings, exchange: str, day: Day, write: bool
) -> tuple[dict[str, int], set[date]]:
    """Make silver of a day's messages what bronze and today's rules make of them.

    Return the figures, and the days of the trades that differ.
    """
    pins = pinned(spark, settings, exchange)
    part = Part.of(pins, day, settings.registry_url)
    notes = {REBUILD: named(part.run.started_at), **settings.airflow}
    # Rows of their own from here on: tables change under what they were found in, and
    # a MERGE takes nothing that is computed once (`spark_apps.once`).
    trades = part.differing(SILVER).localCheckpoint()
    letters = part.differing(LETTERS).localCheckpoint()
    figures = {
        **{f"silver {name}": n for name, n in counted(trades).items()},
        **{f"dead letters {name}": n for name, n in counted(letters).items()},
        "silver without a message": part.unproven(),
    }
    touched = days_of(trades, part.stored(SILVER))
    both = ((LETTERS, letters), (SILVER, trades)) if write else ()
    # What is nowhere comes first: no message is in neither of the two meanwhile.
    for table, differing in both:
        put(differing.where("copies = 0"), table, exchange, notes)
    for table, differing in both:
        correct(part, differing, table, notes)
    for table, differing in both:
        put(differing.where("copies > 1"), table, exchange, notes)
    if write:
        lines = recounted(pinned(spark, settings, exchange), day)
        enter(ACCOUNT, lines, spark, settings)
        figures["silver's account"] = len(lines)
    return figures, touched


def counted(differing: DataFrame) -> dict[str, int]:
    """Return how many messages differ, by how."""
    row = differing.agg(
        F.count_if(F.expr("wanted AND copies = 0")).alias("lacking"),
        F.count_if(F.expr("wanted AND copies = 1")).alias("other"),
        F.count_if(F.expr("copies > 1")).alias("doubled"),
        F.count_if(F.expr("wanted IS NULL AND copies = 1")).alias("too many"),
    ).first()
    assert row is not None
    return row.asDict()


def days_of(differing: DataFrame, stored: DataFrame) -> set[date]:
    """Return the UTC days of the trades that differ: as they are, and should be."""
    there = stored.join(differing.select(*PLACE), list(PLACE), "left_semi")
    every = (
        differing.where("wanted")
        .select("timestamp")
        .unionAll(there.select("timestamp"))
    )
    rows = every.select(F.to_date("timestamp").alias("day")).distinct().collect()
    return {row.day for row in rows}


def put(
    differing: DataFrame, table: Table, exchange: str, notes: Mapping[str, str]
) -> None:
    """Append what is wanted of these rows, if anything is."""
    rows = differing.where("wanted").select(*(each.name for each in table.columns))
    if not rows.isEmpty():
        append(rows, table.identifier(exchange), notes)


def correct(
    part: Part, differing: DataFrame, table: Table, notes: Mapping[str, str]
) -> None:
    """Mend what is there and should say something else; drop the rest of it."""
    what = F.when(F.expr("wanted AND copies = 1"), F.lit(MEND)).otherwise(F.lit(DROP))
    rows = differing.where("copies > 0").withColumn(ACTION, what)
    if rows.isEmpty():
        return
    stays = {"validation_timestamp", "error_timestamp", *PLACE}
    change(
        rows,
        table.identifier(part.pins.exchange),
        PLACE,
        [each.name for each in table.columns if each.name not in stays],
        part.bounds(table),
        notes,
    )


def recounted(pins: Pins, day: Day) -> list[Refined]:
    """Return the account of the day's batches where it is false, counted again.

    A batch stays as it is if its messages are not all in bronze, or not each once in
    silver or the dead letters: it is an auditor's to find.
    """
    extents = extents_of(from_bronze(pins.rows("bronze.trades"), day.span))
    reaching = " OR ".join(
        f"(kafka_topic = '{topic}' AND kafka_partition = {partition} "
        f"AND first_offset <= {last} AND last_offset >= {first})"
        for topic, partition, first, last in extents
    )
    batches = messages.account_of(pins, day).where(reaching or "false")
    came, sound, dead = messages.CAME, messages.SILVER, messages.LETTER
    false = messages.recounted(pins, batches, day.wider(ROOM, ROOM)).where(
        f"bronze_rows = {came} AND {came} = {sound} + {dead} "
        f"AND (silver_rows <> {sound} OR dead_letters <> {dead})"
    )
    names = {each.name for each in fields(Refined)} - {"silver_rows", "dead_letters"}
    return [
        Refined(
            **{name: row[name] for name in names},
            silver_rows=row[sound],
            dead_letters=row[dead],
        )
        for row in false.collect()
    ]
