"""Whole partitions go, never unread rows, and never by another zone's days."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from schemas.table import CATALOG, all_tables, table_at
from spark_apps.streams import history
from spark_apps.upkeep import retention
from spark_apps.upkeep.keep import Keep, KeepRefused
from spark_apps.upkeep.partition import TimePartition
from spark_apps.upkeep.retention import FilesCut, first_kept
from spark_apps.upkeep.table_upkeep import retain
from spark_apps.upkeep.utc import NotUtc
from tests.spark_apps.lake import NOON, Lake, trade
from tests.spark_apps.upkeep.job import kept

DAYS = TimePartition("days", "timestamp")
DAY = timedelta(days=1)
TODAY = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_partition_stays_until_all_of_it_is_too_old() -> None:
    number = DAYS.holding(TODAY)

    assert first_kept(DAYS, 7 * DAY, NOON, ()) == number - 7
    assert first_kept(DAYS, 7 * DAY, TODAY, ()) == number - 7
    assert first_kept(DAYS, 7 * DAY, NOON, {number - 9, number}) == number - 9


def test_ages_follow_from_the_specs_unless_a_setting_says_otherwise() -> None:
    keep = Keep.read(
        {
            "BULLION_KEEP_BRONZE_TRADES_DAYS": "0.5",
            "BULLION_KEEP_SILVER_TRADES_DAYS": "ever",
            "BULLION_KEEP_SILVER_DEAD_LETTERS_DAYS": "",
            "BULLION_KEEP_SNAPSHOTS_HOURS": "48",
        }
    )

    assert set(keep.rows) == {table.address for table in all_tables()}
    assert keep.rows["bronze.trades"] == timedelta(hours=12)
    assert keep.rows["silver.trades"] is None and keep.rows["gold.trades"] is None
    assert keep.rows["silver.dead_letters"] == 90 * DAY
    assert keep.history(table_at("bronze.trades")) == timedelta(hours=6)
    assert keep.history(table_at("gold.trades")) == timedelta(hours=48)


@pytest.mark.parametrize("text", ["0", "-1", "a week", "nan", "inf"])
def test_an_age_that_is_none_is_refused(text: str) -> None:
    name = "BULLION_KEEP_BRONZE_TRADES_DAYS"

    with pytest.raises(KeepRefused, match=name):
        Keep.read({name: text})


def operations(lake: Lake, address: str) -> list[str]:
    name = table_at(address).identifier(lake.exchange)
    return [each.operation for each in history(lake.spark, name)]


def days_of(lake: Lake, address: str, column: str) -> list[str]:
    rows = lake.spark.table(lake.name(address)).select(F.to_date(column).alias("day"))
    return sorted(str(row.day) for row in rows.distinct().collect())


def two_days(lake: Lake) -> None:
    """Let trades of two days arrive, on one of them."""
    for number, moment in (("old", NOON - 40 * DAY), ("new", NOON)):
        lake.arrive(trade(lake.exchange, trade_id=number, timestamp=moment))


@pytest.mark.spark
def test_a_day_is_dropped_between_two_runs_and_the_readers_go_on(lake: Lake) -> None:
    two_days(lake)
    lake.lane()

    told = retain(lake.spark, kept(lake, "silver.trades"), NOON + DAY)

    assert told == {"dropped_partitions": 1, "first_kept": "2026-10-24T00:00:00+00:00"}
    assert operations(lake, "silver.trades")[0] == "delete"
    assert days_of(lake, "silver.trades", "timestamp") == ["2026-11-22"]
    # Nothing is left to drop: nobody commits.
    assert retain(lake.spark, kept(lake, "silver.trades"), NOON + DAY) == {
        "dropped_partitions": 0,
        "first_kept": "2026-10-24T00:00:00+00:00",
    }
    assert operations(lake, "silver.trades").count("delete") == 1
    lake.arrive(trade(lake.exchange, trade_id="3"))
    assert lake.lane()[1]["inserted"] == 1
    assert len(lake.rows("gold.trades")) == 3


@pytest.mark.spark
def test_gold_is_kept_for_ever_and_bronze_until_its_silver_is_made(
    lake: Lake,
) -> None:
    two_days(lake)
    much_later = NOON + 400 * DAY
    assert retain(lake.spark, kept(lake, "bronze.trades"), much_later) == {
        "dropped_partitions": 0,
        "first_kept": "2026-11-22T00:00:00+00:00",
        "held_by": "rows that a reader has yet to read",
    }
    lake.refine()
    silver = retain(lake.spark, kept(lake, "silver.trades"), much_later)
    assert silver["dropped_partitions"] == 0
    assert silver["first_kept"] == "2026-10-13T00:00:00+00:00"
    lake.promote()

    told = [
        retain(lake.spark, kept(lake, f"{layer}.trades"), much_later)
        for layer in ("bronze", "silver", "gold")
    ]

    assert [each["dropped_partitions"] for each in told] == [1, 2, 0]
    assert len(lake.rows("gold.trades")) == 2


@pytest.mark.spark
def test_rows_that_a_compaction_moved_are_still_unread(lake: Lake) -> None:
    two_days(lake)
    lake.refine()
    lake.spark.sql(
        f"CALL {CATALOG}.system.rewrite_data_files(table => "
        f"'{table_at('silver.trades').identifier(lake.exchange)}', "
        "options => map('rewrite-all', 'true'))"
    )

    told = retain(lake.spark, kept(lake, "silver.trades"), NOON + DAY)

    assert told["dropped_partitions"] == 0
    assert lake.promote()["inserted"] == 2


@pytest.fixture
def elsewhere(spark: SparkSession) -> Iterator[None]:
    """A session whose days begin when those of New York do."""
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        yield
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.mark.spark
def test_another_zone_is_refused(lake: Lake, elsewhere: Any) -> None:
    two_days(lake)
    before = operations(lake, "bronze.trades")

    with pytest.raises(NotUtc, match="America/New_York"):
        retention.drop(lake.spark, kept(lake, "bronze.trades").identifier, DAYS, 20779)

    assert operations(lake, "bronze.trades") == before


@pytest.mark.spark
def test_a_deletion_that_cut_files_is_told_aloud(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange, trade_id="1"))
    lake.arrive(trade(lake.exchange, trade_id="2"))
    lake.refine()
    # As wrong a spec would say: the hour's bound lies within a partition of a day.
    hours = TimePartition("hours", "timestamp")
    lake.spark.table(lake.name("silver.trades")).withColumn(
        "timestamp", F.col("timestamp") + F.expr("INTERVAL 1 HOUR")
    ).union(lake.spark.table(lake.name("silver.trades"))).coalesce(1).writeTo(
        lake.name("silver.trades")
    ).append()

    with pytest.raises(FilesCut, match="but an overwrite"):
        retention.drop(
            lake.spark,
            kept(lake, "silver.trades").identifier,
            hours,
            hours.holding(NOON) + 1,
        )


@pytest.mark.spark
def test_rows_deleted_or_updated_in_a_streamed_table_stop_its_reader(
    lake: Lake,
) -> None:
    silver = lake.name("silver.trades")
    for number in ("1", "2"):
        lake.arrive(
            trade(lake.exchange, trade_id=number),
            trade(lake.exchange, trade_id=f"{number}b"),
        )
        lake.refine()
        lake.promote()
    lake.spark.sql(f"DELETE FROM {silver} WHERE trade_id = '1'")
    lake.arrive(trade(lake.exchange, trade_id="3"))
    lake.refine()

    with pytest.raises(Exception, match="Cannot process overwrite snapshot"):
        lake.promote()
