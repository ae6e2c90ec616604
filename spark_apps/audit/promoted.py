"""Every trade of silver is in gold, once; and gold's account says so.

Trades are compared by a hash of their id, 64 bits a row; only what differs is looked
at by the id itself. The day is that of the trades here, so that partitions are pruned,
with a minute more on both sides: copies of a trade may be timed otherwise.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.stage import STAGE, TRADE
from spark_apps.audit.messages import RUNBOOK
from spark_apps.audit.pins import Pins
from spark_apps.audit.verdict import SHOWN, Day, Verdict, judged, not_comparable
from spark_apps.audit.walk import walked
from spark_apps.spans import SLACK, plain, within

UNIQUE, PRESENT, ACCOUNT = "gold is unique", "silver = gold", "gold's account"
HASH = "key_hash"
BEFORE, AFTER = timedelta(hours=2), timedelta(days=1)
"""Runs around a day that are read too: a killed run's rows are told by the next."""


def unique(pins: Pins, day: Day) -> Verdict:
    """Look for a message id that gold has twice."""
    twice = "coalesce(gold_in, 0) > 0 AND gold_all > 1"
    told = by_hash(pins, day, ("gold",))
    rows, suspects = told.agg(
        F.coalesce(F.sum("gold_in"), F.lit(0)), F.count_if(F.expr(twice))
    ).collect()[0]
    name, asked = pins.exchange.upper(), "each message_id is in gold once"
    if not rows:
        return not_comparable(name, UNIQUE, asked, "gold has no trade of that day")
    more, samples = 0, []
    if suspects:
        near = around(pins, "gold.trades", day)
        each = (
            near.join(told.where(twice).select(HASH), HASH, "left_semi")
            .groupBy("message_id", *TRADE)
            .agg(F.count("*").alias("copies"))
            .where("copies > 1")
        )
        too_many = F.coalesce(F.sum("copies") - F.count("*"), F.lit(0))
        ((more,),) = each.agg(too_many).collect()
        samples = trades(each, "copies")
    return judged(
        name,
        UNIQUE,
        asked,
        expected=rows - more,
        found=rows,
        differing=more,
        samples=samples,
        next_step=f"pause lane__{pins.exchange}, {RUNBOOK}: one copy has to go",
    )


def present(pins: Pins, day: Day) -> Verdict:
    """Compare the trades of silver with those of gold."""
    name = pins.exchange.upper()
    asked = "each trade of silver that nobody refused is in gold, and no other"
    lacks = "silver_in > 0 AND gold_all = 0"
    strange = "gold_in > 0 AND silver_all = 0"
    told = by_hash(pins, day, ("gold", "silver"))
    silver, gold, lacking, foreign = told.agg(
        F.count_if(F.col("silver_in") > 0),
        F.count_if(F.col("gold_in") > 0),
        F.count_if(F.expr(lacks)),
        F.count_if(F.expr(strange)),
    ).collect()[0]
    if not silver and not gold:
        return not_comparable(name, PRESENT, asked, "no trade is of that day")
    lost, waiting, samples = 0, 0, []
    if lacking:
        owed = around(pins, "silver.trades", day).join(
            told.where(lacks).select(HASH), HASH, "left_semi"
        )
        owed = owed.select("message_id", *TRADE).distinct()
        wanted = owed.join(F.broadcast(refused(pins)), list(TRADE), "left_anti")
        read = pins.read_by_gold.rows(pins.spark).where(
            within("timestamp", [day.wider(SLACK, SLACK)])
        )
        gone = wanted.join(read.select("message_id"), "message_id", "left_semi")
        lost, all_wanted = gone.count(), wanted.count()
        waiting, samples = all_wanted - lost, trades(gone, "lacking in gold")
        silver -= lacking - all_wanted
    if foreign:
        odd = around(pins, "gold.trades", day).join(
            told.where(strange).select(HASH), HASH, "left_semi"
        )
        samples += trades(odd, "lacking in silver")
    return judged(
        name,
        PRESENT,
        asked,
        expected=silver,
        found=gold,
        differing=lost + foreign,
        samples=samples,
        next_step=f"pause lane__{pins.exchange}, {RUNBOOK}: what lacks is in bronze",
        waiting=f"{waiting} trades stand before gold's gate" if waiting else "",
    )


def by_hash(pins: Pins, day: Day, layers: tuple[str, ...]) -> DataFrame:
    """Return how often each trade is in each layer: on the day, and around it."""
    begin, end = day.span
    parts = [
        around(pins, f"{layer}.trades", day).select(
            HASH,
            F.lit(layer).alias("layer"),
            F.expr(within("timestamp", [(begin, end)])).alias("inside"),
        )
        for layer in layers
    ]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    figures = []
    for layer in layers:
        mine = F.col("layer") == layer
        figures.append(F.count_if(mine).alias(f"{layer}_all"))
        figures.append(F.count_if(mine & F.col("inside")).alias(f"{layer}_in"))
    return whole.groupBy(HASH).agg(*figures)


def around(pins: Pins, address: str, day: Day) -> DataFrame:
    """Return the trades of a day and a minute more, each with the hash of its id."""
    near = within("timestamp", [day.wider(SLACK, SLACK)])
    rows = pins.mine(address).where(near)
    return rows.select(
        F.xxhash64("message_id").alias(HASH), "message_id", *TRADE, "timestamp"
    )


def refused(pins: Pins) -> DataFrame:
    """Return the trades that a person refused at the gate."""
    letters = pins.mine("silver.dead_letters").where(f"stage = '{STAGE}'")
    return letters.select(*TRADE).distinct()


def trades(rows: DataFrame, why: str) -> list[str]:
    """Return some trades as text; `why` may be a column of theirs."""
    some = rows.orderBy(*TRADE).limit(SHOWN).collect()
    return [
        f"{row.symbol} {row.trade_id} ({row.message_id}): "
        + (f"{row[why]} {why}" if why in row else why)
        for row in some
    ]


def accounted(pins: Pins, day: Day) -> Verdict:
    """Count again what gold's account says of a day's runs."""
    name = pins.exchange.upper()
    asked = (
        "each run's account: silver = inserted + duplicates + refused, and gold's rows"
    )
    span = day.wider(BEFORE, AFTER)
    account = (
        pins.mine("gold.accounting")
        .where(within("run_at", [span]))
        .groupBy("run_at")
        .agg(
            *(F.sum(each).alias(each) for each in ("inserted", "conflicts")),
            F.sum("silver_rows").alias("silver"),
            F.sum(F.expr("inserted + duplicates + coalesce(refused, 0)")).alias("sum"),
        )
        .collect()
    )
    mine = [row for row in account if day.span[0] <= plain_of(row.run_at) < day.span[1]]
    rows = counted(pins.mine("gold.trades"), "gold_ingestion_timestamp", span)
    if not mine and not any(day.span[0] <= at < day.span[1] for at in rows):
        return not_comparable(name, ACCOUNT, asked, "gold took nothing on that day")
    copies = counted(
        pins.mine("silver.dead_letters").where("stage = 'gold'"),
        "error_timestamp",
        span,
    )
    wrong = [
        f"run of {row.run_at}: {row.silver} silver rows, {row.sum} accounted for"
        for row in mine
        if row.silver != row.sum
    ]
    waiting = 0
    for what, held in (("inserted", rows), ("conflicts", copies)):
        said = {plain_of(row.run_at): row[what] for row in account}
        off, under_way = walked(said, held, day.span, pins.idle)
        wrong += [f"run of {at}: {what} is off by {by:+}" for at, by in off]
        waiting += under_way
    return judged(
        name,
        ACCOUNT,
        asked,
        expected=sum(row.inserted for row in mine),
        found=sum(n for at, n in rows.items() if day.span[0] <= at < day.span[1]),
        differing=len(wrong),
        samples=wrong,
        next_step=f"compare these runs with gold and the dead letters, {RUNBOOK}",
        waiting=f"a run has yet to account for {waiting} rows" if waiting else "",
    )


def counted(
    rows: DataFrame, moment: str, span: tuple[datetime, datetime]
) -> Mapping[datetime, int]:
    """Return how many rows each run left, by the moment that it began."""
    told = rows.where(within(moment, [span])).groupBy(moment).count().collect()
    return {plain_of(row[0]): row[1] for row in told}


def plain_of(moment: datetime) -> datetime:
    """Return a moment as Spark handed it: UTC without a zone."""
    return plain(moment) if moment.tzinfo else moment
