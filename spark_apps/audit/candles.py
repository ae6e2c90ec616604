"""Stored candles against candles that are computed anew from the day's trades."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from schemas.candle import CANDLE_COLUMNS
from schemas.table import table_at
from spark_apps.app import Run, Windows
from spark_apps.audit.messages import RUNBOOK
from spark_apps.audit.pins import Pins
from spark_apps.audit.verdict import SHOWN, Day, Verdict, judged, not_comparable
from spark_apps.cache import cached
from spark_apps.candles import from_candles, from_trades
from spark_apps.spans import within

KEY = ("symbol", "window_start")
VALUES = [
    column.name
    for column in CANDLE_COLUMNS
    if column.name not in {*KEY, "exchange", "created_at", "updated_at"}
]


def exact(
    pins: Pins,
    day: Day,
    apps: Sequence[Windows],
    kept: Mapping[str, timedelta | None],
    now: datetime,
) -> list[Verdict]:
    """Compare each width's candles; the first one is of minutes.

    Wider ones are sums of the minutes computed here, which are exact.
    """
    run = Run(exchange=pins.exchange, started_at=now.astimezone(UTC))
    trades = pins.mine("gold.trades").where(within("timestamp", [day.span]))
    minutes = apps[0].width

    def anew() -> DataFrame:
        return from_trades(trades, run, minutes)

    with cached(anew) as finest:
        found = []
        for app in apps:
            age = kept.get(app.writes, table_at(app.writes).kept_for)
            wide = app.width > minutes
            made = from_candles(finest, run, app.width) if wide else finest
            found.append(compared(pins, day, app, day.is_kept(age, now), made))
        return found


def compared(
    pins: Pins, day: Day, app: Windows, is_kept: bool, made: DataFrame
) -> Verdict:
    """Compare the stored candles of one width with those that were made."""
    name, check = pins.exchange.upper(), app.writes.replace("gold.", "").replace(
        "_", " "
    )
    asked = "each value of each candle, computed anew from gold's trades"
    if not is_kept:
        return not_comparable(name, check, asked, "retention may have dropped them")
    stored = pins.mine(app.writes).where(within("window_start", [day.span]))
    a, b = (rows.select(*KEY, *VALUES) for rows in (made, stored))
    renamed = b.toDF(*KEY, *(f"stored_{each}" for each in VALUES))
    both = a.join(
        renamed.withColumn("is_stored", F.lit(True)), list(KEY), "full_outer"
    ).withColumn("differs", F.array_compact(F.array(*map(difference, VALUES))))
    wanted, found, wrong = both.agg(
        F.count_if(F.col("trade_count").isNotNull()),
        F.count_if(F.col("is_stored")),
        F.count_if(F.size("differs") > 0),
    ).collect()[0]
    if not wanted and not found:
        return not_comparable(name, check, asked, "no trade is of that day")
    samples = []
    if wrong:
        some = both.where(F.size("differs") > 0).orderBy(*KEY).limit(SHOWN).collect()
        samples = [
            f"{row.symbol} {row.window_start}: {', '.join(row.differs)}" for row in some
        ]
    return judged(
        name,
        check,
        asked,
        expected=wanted,
        found=found,
        differing=wrong,
        samples=samples,
        next_step=f"run lane and candles, then compute them anew, {RUNBOOK}",
    )


def difference(name: str) -> Column:
    """Return what is to be said of one value; NULL where it is as it should be."""
    here, there = F.col(name), F.col(f"stored_{name}")
    said = F.concat(
        *(F.lit(f"{name} is "), F.coalesce(there.cast("string"), F.lit("not there"))),
        *(F.lit(", not "), F.coalesce(here.cast("string"), F.lit("there"))),
    )
    return F.when(~here.eqNullSafe(there), said)
