"""Gold of a day, derived again from silver: what differs is changed, nothing else.

It holds gold's turn of the exchange, so that its lane neither inserts nor looks
meanwhile. A trade is told by its message_id. A trade that silver lacks stays, unless it
is a dead letter by now: it may be all that there is of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.stage import STAGE, TRADE
from schemas.table import CATALOG
from schemas.table import Column as Field
from schemas.table import table_at
from schemas.trade import TRADE_COLUMNS
from spark_apps.accounting import Promoted
from spark_apps.app import Run
from spark_apps.audit.pins import Pins, pinned
from spark_apps.audit.promoted import counted, plain_of
from spark_apps.audit.verdict import Day
from spark_apps.audit.walk import walked
from spark_apps.entry import enter
from spark_apps.gold.trades import PLACE, gold_trades
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
from spark_apps.repeats import HASH, among, hashed
from spark_apps.settings import Settings
from spark_apps.spans import EXCHANGE, SLACK, plain, within
from spark_apps.streams import DROPPED, REBUILD

GOLD, ACCOUNT = table_at("gold.trades"), table_at("gold.accounting")
KEY = "message_id"
LACKING, OTHER, DOUBLED, TOO_MANY, UNPROVEN = (
    *("lacking", "other", "doubled", "too many", "unproven"),
)
"""What is wrong with a trade of gold; the last one is left as it is."""
SINCE = "bullion.rebuild-since"
"""Snapshot property: before which no run of gold is concerned."""
EARLIER = timedelta(hours=2)
"""A killed run's rows are accounted for by the next one."""


@dataclass(frozen=True)
class Part:
    """The trades of a day, in silver and in gold."""

    pins: Pins
    day: Day
    run: Run

    @property
    def near(self) -> str:
        """SQL that is true of the day's trades, and of copies timed otherwise."""
        return within("timestamp", [self.day.wider(SLACK, SLACK)])

    @cached_property
    def silver(self) -> DataFrame:
        """What silver has of the day, but for what a person refused."""
        rows = self.pins.mine("silver.trades").where(self.near)
        return rows.join(F.broadcast(self.letters(STAGE)), list(TRADE), "left_anti")

    @cached_property
    def gold(self) -> DataFrame:
        return self.pins.mine("gold.trades").where(self.near)

    def letters(self, *stages: str) -> DataFrame:
        """Return the trades that are dead letters of these stages."""
        rows = self.pins.mine("silver.dead_letters")
        mine = rows.where(F.col("stage").isin(*stages) & F.col("trade_id").isNotNull())
        return mine.select(*TRADE).distinct()

    def suspects(self) -> DataFrame:
        """Return the hashes of the ids of which the two layers may differ."""
        inside = F.expr(within("timestamp", [self.day.span]))
        parts = [
            rows.select(
                hashed(F.col(KEY)).alias(HASH),
                said(TRADE_COLUMNS).alias(SAID),
                inside.alias("inside"),
                F.lit(layer).alias("layer"),
            )
            for layer, rows in (("gold", self.gold), ("silver", self.silver))
        ]
        mine, theirs = F.col("layer") == "gold", F.col("layer") == "silver"
        told = (
            parts[0]
            .unionAll(parts[1])
            .groupBy(HASH)
            .agg(
                F.count_if(mine).alias("gold"),
                F.max("inside").alias("inside"),
                F.collect_set(F.when(mine, F.col(SAID))).alias("says"),
                F.collect_set(F.when(theirs, F.col(SAID))).alias("may_say"),
            )
        )
        wrong = "gold <> 1 OR size(array_except(says, may_say)) > 0"
        return told.where(f"inside AND ({wrong})").select(HASH)

    def differing(self) -> DataFrame:
        """Return one row for each trade that is wrong in gold.

        The trade as it should be, `wrong`: in which way, and `since`: gold's run that
        took it did not begin before. What gold's lane has yet to read is not wrong.
        """
        few = self.suspects()
        first = F.min_by(
            F.struct(*(each.name for each in TRADE_COLUMNS), "validation_timestamp"),
            F.struct("ingestion_timestamp", *PLACE[1:]),
        )
        wanted = (
            among(self.silver, few, KEY)
            .withColumn(SAID, said(TRADE_COLUMNS))
            .groupBy(F.col(KEY).alias("id"))
            .agg(first.alias("first"), F.collect_set(SAID).alias("may_say"))
        )
        held = (
            among(self.gold, few, KEY)
            .withColumn(SAID, said(TRADE_COLUMNS))
            .groupBy(F.col(KEY).alias("id"))
            .agg(
                F.count("*").alias("copies"),
                F.collect_set(SAID).alias("says"),
                F.min("gold_ingestion_timestamp").alias("gold_at"),
                *(F.first(name).alias(f"gold_{name}") for name in TRADE),
            )
        )
        dead = self.letters("silver", STAGE).select(
            *(F.col(name).alias(f"gold_{name}") for name in TRADE),
            F.lit(True).alias("dead"),
        )
        passed = self.pins.read_by_gold.rows(self.pins.spark).where(self.near)
        read = among(passed, few, KEY).select(F.col(KEY).alias("id")).distinct()
        both = (
            wanted.join(held, "id", "full_outer")
            .join(dead, [f"gold_{name}" for name in TRADE], "left")
            .withColumn("copies", F.coalesce("copies", F.lit(0)))
            .withColumn("wrong", wrong())
            .join(read.withColumn("read", F.lit(True)), "id", "left")
            .where(f"wrong IS NOT NULL AND (wrong <> '{LACKING}' OR read)")
        )
        judged_at = F.col("first")["validation_timestamp"]
        return both.select(
            F.col("id").alias(KEY),
            *(F.col("first")[c.name].alias(c.name) for c in others()),
            F.coalesce("gold_at", judged_at).alias("since"),
            "wrong",
        )


def wrong() -> Column:
    """Return what is wrong with a trade, NULL if nothing is."""
    return (
        F.when(F.col("copies") == 0, LACKING)
        .when(
            F.col("first").isNull(), F.when(F.col("dead"), TOO_MANY).otherwise(UNPROVEN)
        )
        .when(F.col("copies") > 1, DOUBLED)
        .when(F.expr("size(array_except(says, may_say)) > 0"), OTHER)
    )


def others() -> list[Field]:
    """Return the columns of a trade but for its key."""
    return [each for each in TRADE_COLUMNS if each.name != KEY]


def rebuild(
    spark: SparkSession, settings: Settings, exchange: str, day: Day, write: bool
) -> dict[str, int]:
    """Make gold of a day what silver makes of it; return the figures."""
    if write:
        settle(spark, settings, exchange)
    run = Run(exchange=exchange, started_at=datetime.now(UTC))
    part = Part(pinned(spark, settings, exchange), day, run)
    # Rows of their own: gold changes under what they were found in.
    differing = part.differing().localCheckpoint()
    rows = differing.groupBy("wrong").agg(F.count("*"), F.min("since")).collect()
    found = {row.wrong: row[1] for row in rows}
    changed = [row[2] for row in rows if row.wrong != UNPROVEN]
    if write and changed:
        notes = {
            REBUILD: named(run.started_at),
            SINCE: plain_of(min(changed)).isoformat(),
            EXCHANGE: exchange,
            **settings.airflow,
        }
        correct(part, differing, found, notes)
        put(part, differing, notes)
        settle(spark, settings, exchange)
    names = (LACKING, OTHER, DOUBLED, TOO_MANY)
    return {
        **{f"gold {name}": found.get(name, 0) for name in names},
        "gold without a silver row": found.get(UNPROVEN, 0),
    }


def correct(
    part: Part, differing: DataFrame, found: Mapping[str, int], notes: Mapping[str, str]
) -> None:
    """Mend what says something else, drop what is too many or twice."""
    bad = F.col("wrong").isin(OTHER, DOUBLED, TOO_MANY)
    if not any(found.get(each) for each in (OTHER, DOUBLED, TOO_MANY)):
        return
    what = F.when(F.col("wrong") == OTHER, MEND).otherwise(DROP)
    rows = differing.where(bad).withColumn(ACTION, what)
    stays = {KEY, "gold_ingestion_timestamp"}
    mine = f"{{0}}.exchange = '{part.run.exchange.upper()}'"
    near = within("{0}.timestamp", [part.day.wider(SLACK, SLACK)])
    change(
        with_dates(rows),
        GOLD.identifier(),
        [KEY],
        [each.name for each in GOLD.columns if each.name not in stays],
        f"{mine} AND ({near})",
        {**notes, DROPPED: str(found.get(TOO_MANY, 0))},
    )


def with_dates(rows: DataFrame) -> DataFrame:
    """Return trades with the columns that gold derives from their time."""
    return rows.withColumn("exchange_date", F.to_date("timestamp")).withColumn(
        "exchange_hour", F.hour("timestamp")
    )


def put(part: Part, differing: DataFrame, notes: Mapping[str, str]) -> None:
    """Append what gold lacks, or had twice, if there is any."""
    rows = differing.where(F.col("wrong").isin(LACKING, DOUBLED))
    if not rows.isEmpty():
        append(gold_trades(rows, part.run), GOLD.identifier(), notes)


def settle(spark: SparkSession, settings: Settings, exchange: str) -> None:
    """Account for what rebuilds did to gold, also for one that was killed before.

    A line says what it inserted. Others take back what earlier runs had inserted and is
    not there under their moment any more: as many as were put or dropped, at most.
    """
    for name, done in unsettled(spark, exchange).items():
        pins = pinned(spark, settings, exchange)
        lines = [line(exchange, name, 0, datetime.fromisoformat(name), done.put)]
        span = (done.since - EARLIER, plain(datetime.now(UTC)))
        account = pins.mine("gold.accounting").where(within("run_at", [span]))
        sums = account.groupBy("run_at").agg(F.sum("inserted").alias("inserted"))
        told = {plain_of(row.run_at): row.inserted for row in sums.collect()}
        told[datetime.fromisoformat(name)] = done.put
        there = counted(pins.mine("gold.trades"), "gold_ingestion_timestamp", span)
        gone = [each for each in walked(told, there, span, False)[0] if each[1] < 0]
        if -sum(by for _, by in gone) <= done.put + done.dropped:
            lines += [
                line(exchange, name, number, at, by)
                for number, (at, by) in enumerate(gone, start=1)
            ]
        enter(ACCOUNT, lines, spark, settings)


@dataclass(frozen=True, slots=True)
class Done:
    """What a rebuild did to gold, as its commits tell."""

    since: datetime
    put: int
    dropped: int


def unsettled(spark: SparkSession, exchange: str) -> dict[str, Done]:
    """Return the rebuilds of an exchange that no account tells of, by their names."""
    told = spark.table(f"{CATALOG}.{ACCOUNT.identifier()}").select("query_id")
    known = {
        row.query_id
        for row in told.where(F.col("query_id").like("rebuild %")).collect()
    }
    rows = spark.sql(f"""
        SELECT summary FROM {CATALOG}.{GOLD.identifier()}.snapshots
        WHERE summary['{REBUILD}'] IS NOT NULL
          AND summary['{EXCHANGE}'] = '{exchange}'
        """).collect()
    found: dict[str, Done] = {}
    for (summary,) in rows:
        name = summary[REBUILD]
        if query(name) in known:
            continue
        before = found.get(name, Done(datetime.fromisoformat(summary[SINCE]), 0, 0))
        took_out = DROPPED in summary
        deleted = int(summary.get("deleted-records", 0))
        added = int(summary.get("added-records", 0))
        found[name] = Done(
            before.since,
            before.put + (0 if took_out else added),
            before.dropped + (deleted - added if took_out else 0),
        )
    return found


def query(name: str) -> str:
    """Return the id by which accounts know a rebuild."""
    return f"rebuild {name}"


def line(exchange: str, name: str, number: int, at: datetime, rows: int) -> Promoted:
    """Return a line of gold's account."""
    return Promoted(
        exchange=exchange.upper(),
        run_at=at.replace(tzinfo=UTC),
        query_id=query(name),
        batch_id=number,
        silver_rows=rows,
        inserted=rows,
        duplicates=0,
        conflicts=0,
        refused=0,
    )
