"""Where ids prove no loss, counts are compared: REST's against gold's, span by span."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from schemas.table import CATALOG, table_at
from spark_apps.entry import enter
from spark_apps.frame import frame_of
from spark_apps.gold.counts import (
    BEYOND,
    EQUAL,
    FOLLOWED,
    OPEN,
    SHORT,
    Count,
    Span,
    compared,
    due,
)
from spark_apps.gold.ranges import moment
from spark_apps.lane import Report
from spark_apps.settings import Settings

TRADES, COUNTS = (table_at(each) for each in ("gold.trades", "gold.counts"))
EDGE = timedelta(microseconds=1)


def reconcile(
    spark: SparkSession, settings: Settings, told: Sequence[Count] = ()
) -> Report:
    """Enter what REST was found to have; compare what had the time to reach gold."""
    now = datetime.now(UTC)
    known = followed(spark, now)
    todo = [count for count in known if due(count, now)]
    held = in_gold(spark, todo)
    after = [compared(count, held.get(count.key, 0), now) for count in todo]
    new = {count.key: count for count in told}
    for count in known:
        # The same span counted again says nothing new, and would begin anew.
        new.pop(count.key, None)
    enter(COUNTS, [*after, *new.values()], spark, settings)
    states = [count.state for count in after]
    return {
        "asked": len(new),
        "compared": len(after),
        **{state: states.count(state) for state in (EQUAL, SHORT, BEYOND, OPEN)},
        "missing": sum(
            count.at_exchange - (count.in_gold or 0)
            for count in after
            if count.state == SHORT
        ),
    }


def followed(spark: SparkSession, now: datetime) -> list[Count]:
    """Return the counts that may still be compared."""
    table = spark.table(f"{CATALOG}.{COUNTS.identifier()}")
    young = F.col("asked_at") > F.lit(now - FOLLOWED)
    rows = table.where(
        (F.col("state") == OPEN) | ((F.col("state") == SHORT) & young)
    ).select(
        *("exchange", "symbol", "at_exchange", "in_gold", "state"),
        *(F.unix_micros(name).alias(name) for name in ("since", "until", "asked_at")),
    )
    found = []
    for row in rows.collect():
        said = row.asDict()
        for name in ("since", "until", "asked_at"):
            said[name] = moment(said[name])
        found.append(Count(**said))
    return found


def in_gold(spark: SparkSession, counts: Sequence[Count]) -> dict[Span, int]:
    """Return how many trades gold has in each span that has any."""
    if not counts:
        return {}
    spans = frame_of(
        spark,
        [asdict(count) | {"number": n} for n, count in enumerate(counts)],
        "number int, exchange string, symbol string, since timestamp, until timestamp",
    )
    first, last = min(c.since for c in counts), max(c.until for c in counts)
    # All of it between literals, by which Iceberg leaves other days' files unread.
    trades = spark.table(f"{CATALOG}.{TRADES.identifier()}").where(
        F.col("timestamp").between(F.lit(first + EDGE), F.lit(last - EDGE))
        & F.col("exchange").isin(sorted({count.exchange for count in counts}))
    )
    rows = (
        trades.join(F.broadcast(spans), ["exchange", "symbol"])
        .where("timestamp > since AND timestamp < until")
        .groupBy("number")
        .count()
        .collect()
    )
    return {counts[row["number"]].key: row["count"] for row in rows}
