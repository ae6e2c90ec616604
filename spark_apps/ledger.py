"""The ledger follows gold: which trade ids are held, and what became of each hole.

It is taken from the table itself. Each run reads the trades that gold took since the
last one; ranges of ids grow together, and what lies between two is a gap.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import takewhile

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.stage import REFUSE, STAGE
from schemas.exchange import counts_trades
from schemas.id_range import IdRange, joined
from schemas.table import CATALOG, all_exchanges, table_at
from spark_apps.entry import enter
from spark_apps.frame import lines_of
from spark_apps.gold.gaps import (
    ABSENT,
    FILLED,
    LIVE,
    Answer,
    Gap,
    answered,
    as_it_is,
    holes,
    unknown,
)
from spark_apps.gold.ranges import Held, collected, grown, moment, ranges
from spark_apps.landing import on_it_goes
from spark_apps.lane import Report
from spark_apps.rollup import noted
from spark_apps.settings import Settings
from spark_apps.streams import history

READ_TO = "bullion.ledger-read-to"
"""Snapshot property of the ranges: up to which snapshot of gold they hold its ids."""
TRADES, RANGES, GAPS = (
    table_at(each) for each in ("gold.trades", "gold.ranges", "gold.gaps")
)
DECISIONS, LETTERS = table_at("gold.decisions"), table_at("silver.dead_letters")
TIMES = ("after_timestamp", "before_timestamp", "found_at", "filled_at", "updated_at")


def keep_ledger(
    spark: SparkSession,
    settings: Settings,
    answers: Sequence[Answer] = (),
    passed: Callable[[str], None] = on_it_goes,
) -> Report:
    """Enter what gold took since the last run, and what exchanges answered.

    Gaps are written before ranges: a run that ended between the two finds the same gaps
    again, and says of each what it said before.
    """
    now = datetime.now(UTC)
    came, head, anew = increment(spark)
    known = stored_gaps(spark)
    grew = {each.exchange for each in came}
    about = grew | {gap.exchange for gap in known if gap.state in LIVE}
    whole = grown([*([] if anew else stored_ranges(spark, about)), *came])
    before = {gap.key: gap for gap in known}
    found = unknown((gap for held in whole.values() for gap in holes(held, now)), known)
    told = {answer.of: answer for answer in answers}
    todo = [*found, *(gap for gap in known if gap.state in LIVE)]
    let_out = refused(spark) if todo else {}
    after = []
    for gap in todo:
        asked = gap
        if gap.key in told:
            asked = answered(gap, told[gap.key], settings.absent_after)
        ids = [(each.first_id, each.last_id) for each in whole.get(gap.whose, ())]
        after.append(as_it_is(asked, ids, let_out.get(gap.whose, ()), now))
    changed = [gap for gap in after if gap != before.get(gap.key)]
    enter(GAPS, [replace(gap, updated_at=now) for gap in changed], spark, settings)
    passed("between gaps and ranges")
    if head is not None:
        mine = [each for held in whole.values() for each in held]
        keep([each for each in mine if each.exchange in grew], head, spark, settings)
    still = [gap for gap in after if gap.state in LIVE]
    return {
        "snapshot_id": None if head is None else str(head),
        "found": len(found),
        "filled": sum(gap.state == FILLED for gap in changed),
        "absent": sum(gap.state == ABSENT for gap in changed),
        "open": len(still),
        "missing": sum(gap.missing for gap in still),
    }


def increment(spark: SparkSession) -> tuple[list[Held], int | None, bool]:
    """Return the ranges of what gold took since the last run, and that snapshot.

    Where the place of the last run is not kept any more, or a rebuild has taken trades
    out since, that is all of gold; the third value says so.
    """
    identifier = TRADES.identifier()
    line = history(spark, identifier)
    head = next((s.snapshot_id for s in line if s.brings_data or s.dropped), None)
    reached = noted(spark, RANGES.identifier(), READ_TO)
    if head is None or head == reached:
        return [], None, False
    name = f"{CATALOG}.{identifier}"
    new = takewhile(lambda each: each.snapshot_id != reached, line)
    anew = reached not in {s.snapshot_id for s in line} or any(s.dropped for s in new)
    if anew:
        trades = spark.read.option("versionAsOf", head).table(name)
    else:
        trades = (
            spark.read.format("iceberg")
            .option("start-snapshot-id", str(reached))
            .option("end-snapshot-id", str(head))
            .load(name)
        )
    counting = [each.upper() for each in all_exchanges() if counts_trades(each)]
    mine = trades.where(F.col("exchange").isin(counting))
    return collected(ranges(mine)), head, anew


def refused(spark: SparkSession) -> dict[tuple[str, str], Sequence[IdRange]]:
    """Return the ids that people refused at the gate, by exchange and symbol.

    The dead letters are asked only where somebody ever refused anything.
    """
    decided = spark.table(f"{CATALOG}.{DECISIONS.identifier()}")
    if not decided.where(F.col("decision") == REFUSE).limit(1).count():
        return {}
    rows = (
        spark.table(f"{CATALOG}.{LETTERS.identifier()}")
        .where(F.col("stage") == STAGE)
        .select("exchange", "symbol", F.expr("try_cast(trade_id AS bigint)").alias("n"))
        .where("n IS NOT NULL")
        .collect()
    )
    found: dict[tuple[str, str], list[IdRange]] = {}
    for row in rows:
        found.setdefault((row.exchange, row.symbol), []).append((row.n, row.n))
    return {whose: joined(ids) for whose, ids in found.items()}


def stored_ranges(spark: SparkSession, exchanges: Iterable[str]) -> list[Held]:
    """Return what `gold.ranges` has of these exchanges."""
    table = spark.table(f"{CATALOG}.{RANGES.identifier()}")
    return collected(
        table.where(F.col("exchange").isin(sorted(exchanges))).select(
            *("exchange", "symbol", "first_id", "last_id"),
            F.unix_micros("first_timestamp").alias("first_us"),
            F.unix_micros("last_timestamp").alias("last_us"),
            F.unix_micros("live_since").alias("live_since_us"),
            *("live_from_id", "first_connection", "last_connection"),
        )
    )


def stored_gaps(spark: SparkSession) -> list[Gap]:
    """Return the gaps of the ledger in which ids are not held."""
    table = spark.table(f"{CATALOG}.{GAPS.identifier()}").where(f"state <> '{FILLED}'")
    names = [each.name for each in fields(Gap)]
    told = table.select(
        *(F.unix_micros(n).alias(n) if n in TIMES else F.col(n) for n in names)
    )
    found = []
    for row in told.collect():
        said = row.asDict()
        for name in TIMES:
            said[name] = None if said[name] is None else moment(said[name])
        found.append(Gap(**said))
    return found


def keep(
    held: Sequence[Held], head: int, spark: SparkSession, settings: Settings
) -> None:
    """Write all ranges of exchanges that have new ones; the commit says up to where.

    An exchange has one partition, which is replaced whole.
    """
    rows = lines_of(spark, RANGES, held)
    writer = rows.writeTo(f"{CATALOG}.{RANGES.identifier()}")
    for name, value in {READ_TO: str(head), **settings.airflow}.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    writer.overwritePartitions()
