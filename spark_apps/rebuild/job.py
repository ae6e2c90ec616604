"""A rebuild: a layer of some days, and all that follows from it, day by day.

Each step holds the turn of whoever writes the table, for one day, and lets it go: lanes
wait for it, and run in between.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import SparkSession

from schemas.table import table_at
from spark_apps.app import Windows
from spark_apps.audit.verdict import Day
from spark_apps.job_guard import hold_lock
from spark_apps.rebuild import candles, gold, silver
from spark_apps.rebuild.asked import CANDLES, GOLD, SILVER, Asked, RebuildRefused
from spark_apps.settings import Settings

PATIENCE = timedelta(minutes=10)
"""How long a step waits for its turn."""
NEEDS = {SILVER: "bronze.trades", GOLD: "silver.trades", CANDLES: "gold.trades"}
"""What a layer is derived from."""
Kept = Mapping[str, timedelta | None]


def rebuild(
    spark: SparkSession, settings: Settings, asked: Asked, widths: tuple[Windows, ...]
) -> dict[str, object]:
    """Rebuild what is asked for and what follows; return the figures, by day.

    A look is at what was asked for alone: what follows depends on it. `widths`
    are the candles, the finest first.

    Raises:
        RebuildRefused: the layer below has not all of those days any more.
    """
    now = datetime.now(UTC)
    for day in asked.days:
        require_kept(asked.layer, day, settings.kept_for, now)
    told: dict[str, dict[str, int]] = {}
    days = {each.day for each in asked.days}
    if asked.layer == SILVER:
        for day in asked.days:
            with turn(settings, f"silver.trades.{asked.exchange}"):
                figures, touched = silver.rebuild(
                    spark, settings, asked.exchange, day, not asked.look
                )
            told[f"messages of {day.day}"] = say(f"messages of {day.day}", figures)
            days |= touched
        if asked.look:
            days = set()
    for each in sorted(days):
        told[str(each)] = say(f"{each}", follow(spark, settings, asked, each, widths))
    return {
        "layer": asked.layer,
        "exchange": asked.exchange,
        "written": not asked.look,
        "days": told,
    }


def follow(
    spark: SparkSession,
    settings: Settings,
    asked: Asked,
    day: date,
    widths: tuple[Windows, ...],
) -> dict[str, int]:
    """Rebuild what follows from a day's layer; return the figures."""
    told: dict[str, int] = {}
    one, write = Day(day), not asked.look
    common = (spark, settings, asked.exchange, one, write)
    now = datetime.now(UTC)
    with turn(settings, f"gold.trades.{asked.exchange}"):
        # What silver keeps no more is told by gold alone.
        if asked.layer != CANDLES and kept(GOLD, one, settings.kept_for, now):
            told |= gold.rebuild(*common)
        if asked.layer == GOLD and asked.look:
            return told
        told |= candles.rebuild(*common, widths[:1])
    with turn(settings, "gold.candles"):
        told |= candles.rebuild(*common, widths[1:])
    return told


def require_kept(layer: str, day: Day, ages: Kept, now: datetime) -> None:
    """Return if the layer below has all of a day.

    Raises:
        RebuildRefused: retention may have taken some of it.
    """
    if not kept(layer, day, ages, now):
        raise RebuildRefused(
            f"{NEEDS[layer]} may not have all of {day.day} any more, and nothing was "
            f"changed: {layer} of younger days can be rebuilt; for older ones bring "
            "the day again with backfill"
        )


def kept(layer: str, day: Day, ages: Kept, now: datetime) -> bool:
    """Return whether the layer below cannot have lost anything of a day yet."""
    below = NEEDS[layer]
    return day.is_kept(ages.get(below, table_at(below).kept_for), now)


@contextmanager
def turn(settings: Settings, name: str) -> Iterator[None]:
    """Hold the turn of whoever else writes a table."""
    lock = hold_lock(settings.locks, name, PATIENCE)
    try:
        yield
    finally:
        os.close(lock)


def say(what: str, figures: dict[str, int]) -> dict[str, int]:
    """Print what differs of one day, as it becomes known; return it all."""
    differs = {name: number for name, number in figures.items() if number}
    lines = "".join(f"\n    {number:>12,} {name}" for name, number in differs.items())
    print(f"{what}: {'as it should be' if not differs else lines}", flush=True)
    return figures
