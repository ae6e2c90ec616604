"""Cost follows what is to be done: closed hours, small files, and nothing twice."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.table import Table, table_at
from spark_apps.streams import history
from spark_apps.upkeep.compaction import (
    MB,
    MOST_BYTES,
    DataFile,
    Rewrite,
    affordable,
    mixed,
    planned,
)
from spark_apps.upkeep.partition import TimePartition
from spark_apps.upkeep.table_upkeep import compact
from tests.spark_apps.lake import NOON, Lake, trade
from tests.spark_apps.upkeep.job import KEEP_NOTHING, kept

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
TODAY = datetime(2026, 11, 22, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def cut_of(table: Table) -> TimePartition:
    cut = TimePartition.of(table)
    assert cut
    return cut


def plan(
    address: str, *files: DataFile, now: datetime = NOW, dropped: int | None = None
) -> list[tuple[datetime, datetime, bool, int]]:
    table = table_at(address)
    found = planned(table, cut_of(table), files, now, dropped)
    return [(each.begin, each.end, each.sort, each.files) for each in found]


def file(
    address: str, begin: datetime, mb: float = 1, low: str = "A", high: str = "Z"
) -> DataFile:
    return DataFile(
        partition=cut_of(table_at(address)).holding(begin),
        bytes=int(mb * MB),
        last=begin + timedelta(minutes=1),
        low=low,
        high=high,
    )


@pytest.mark.parametrize(
    ("unit", "moment", "number", "begin"),
    [
        ("days", NOW, 20779, TODAY),
        ("hours", NOW, 20779 * 24 + 15, NOW.replace(minute=0)),
        ("months", NOW, 56 * 12 + 10, NOW.replace(day=1, hour=0, minute=0)),
    ],
)
def test_a_partition_holds_a_stretch_of_time(
    unit: str, moment: datetime, number: int, begin: datetime
) -> None:
    cut = TimePartition(unit, "timestamp")

    assert cut.holding(moment) == number
    assert cut.begin(number) == begin
    assert cut.begin(number) <= moment < cut.begin(number + 1)


def test_only_closed_hours_of_the_open_day_are_packed() -> None:
    files = [
        file("bronze.trades", TODAY + hour * HOUR) for hour in (12, 13, 14, 14, 14)
    ]
    open_hour = [file("bronze.trades", TODAY + 15 * HOUR)] * 9

    assert plan("bronze.trades", *files, *open_hour) == [
        (TODAY, TODAY + 15 * HOUR, False, 5)
    ]
    assert plan("bronze.trades", *files[1:], *open_hour) == []
    # A few minutes after its end, an hour's last trades may still be on their way.
    early = NOW.replace(minute=9)
    assert plan("bronze.trades", *files, *open_hour, now=early) == []


def test_a_closed_day_is_sorted_if_its_table_is() -> None:
    day = TODAY - DAY
    for address, sort in (("bronze.trades", False), ("silver.trades", True)):
        files = [file(address, day + hour * HOUR) for hour in (1, 2)]
        assert plan(address, *files) == [(day, TODAY, sort, 2)]
        assert plan(address, files[0]) == []


def test_what_is_sorted_already_is_not_sorted_again_for_a_late_file() -> None:
    day = TODAY - DAY
    sorted_files = [
        file("silver.trades", day, 110, *ends) for ends in ("AC", "CF", "FZ")
    ]
    late = [file("silver.trades", day, 2)] * 2
    again = file("silver.trades", day, 110, "B", "E")

    assert plan("silver.trades", *sorted_files) == []
    assert plan("silver.trades", *sorted_files, late[0]) == []
    # The late ones become one; only ranges that meet are worth writing all again.
    assert plan("silver.trades", *sorted_files, *late) == [(day, TODAY, False, 2)]
    assert plan("silver.trades", *sorted_files, again) == [(day, TODAY, True, 4)]


def test_what_a_sorted_rewrite_may_leave_is_left_alone() -> None:
    day = TODAY - DAY
    halves = [file("silver.trades", day, 75, *ends) for ends in ("AM", "MZ")]

    assert plan("silver.trades", *halves) == []


def test_rows_that_are_updated_are_touched_in_closed_partitions_alone() -> None:
    today = [file("gold.candles_1m", TODAY + HOUR)] * 9
    before = [file("gold.candles_1m", TODAY - DAY)] * 2

    assert plan("gold.candles_1m", *today) == []
    assert plan("gold.candles_1m", *today, *before) == [(TODAY - DAY, TODAY, True, 2)]


def test_what_retention_will_drop_is_not_rewritten() -> None:
    days = [file("bronze.trades", TODAY - n * DAY) for n in (1, 1, 9, 9)]
    first_kept = cut_of(table_at("bronze.trades")).holding(TODAY - 7 * DAY)

    assert len(plan("bronze.trades", *days)) == 2
    assert plan("bronze.trades", *days, dropped=first_kept) == [
        (TODAY - DAY, TODAY, False, 2)
    ]


def test_neighbours_are_one_rewrite_and_a_run_takes_what_it_can() -> None:
    hours = [file("gold.trades", TODAY + hour * HOUR) for hour in (3, 3, 4, 4, 9, 9)]
    assert plan("gold.trades", *hours) == [
        (TODAY + 9 * HOUR, TODAY + 10 * HOUR, True, 2),
        (TODAY + 3 * HOUR, TODAY + 5 * HOUR, True, 4),
    ]
    large = [
        Rewrite(begin=TODAY, end=TODAY + DAY, sort=True, files=9, bytes=MOST_BYTES)
    ]

    assert affordable(large * 3) == large
    assert affordable([]) == []


def test_ranges_that_meet_in_their_ends_are_sorted() -> None:
    def ranges(*said: str) -> list[DataFile]:
        return [file("silver.trades", TODAY, 1, *each) for each in said]

    assert not mixed(ranges("CF", "AC", "FF", "FZ"))
    assert mixed(ranges("AC", "BD"))
    assert mixed(ranges("AZ", "BC", "CD"))
    assert not mixed([DataFile(partition=0, bytes=1)] * 2)


@pytest.mark.spark
def test_a_closed_hour_of_gold_becomes_one_sorted_file_with_the_same_rows(
    lake: Lake,
) -> None:
    for number in range(4):
        lake.arrive(
            *[
                trade(
                    lake.exchange,
                    trade_id=f"{number}{asset}",
                    base_asset=asset,
                    timestamp=NOON + timedelta(seconds=number),
                )
                for asset in ("ETH", "BTC")
            ]
        )
        lake.lane()
    before = lake.rows("gold.trades", "message_id")
    gold = kept(lake, "gold.trades", KEEP_NOTHING)

    told = compact(lake.spark, gold, NOW)

    assert (told["rewritten_files"], told["into_files"]) == (4, 1)
    assert told["conflicts"] == 0
    files = lake.spark.table(f"{lake.name('gold.trades')}.files").collect()
    held = lake.spark.read.parquet(files[0].file_path).collect()
    assert [row.symbol for row in held] == ["BTCUSD"] * 4 + ["ETHUSD"] * 4
    assert lake.rows("gold.trades", "message_id") == before
    head = history(lake.spark, gold.identifier)[0]
    assert head.operation == "replace"
    # There is nothing left to do, so that nothing is done, and nobody commits.
    assert compact(lake.spark, gold, NOW)["rewritten_files"] == 0
    assert history(lake.spark, gold.identifier)[0] == head


@pytest.mark.spark
def test_an_open_hour_is_left_to_its_writers(lake: Lake) -> None:
    for number in range(6):
        lake.arrive(trade(lake.exchange, trade_id=str(number)))
    bronze = kept(lake, "bronze.trades", KEEP_NOTHING)

    early = compact(lake.spark, bronze, NOON + timedelta(minutes=30))
    later = compact(lake.spark, bronze, NOON + timedelta(minutes=90))

    assert (early["rewritten_files"], later["rewritten_files"]) == (0, 6)
