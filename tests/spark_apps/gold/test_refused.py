"""Rows that a person refused at the gate: gold leaves them out, and counts them."""

from typing import Any

import pytest

from schemas.table import table_at
from spark_apps.frame import frame_of
from spark_apps.gold.trades import APP as GOLD
from spark_apps.lane import promote
from spark_apps.streams import history, newest_data
from tests.spark_apps.lake import NOON, Lake, crash_at, ids, trade

pytestmark = pytest.mark.spark


def refuse(lake: Lake, *offsets: int) -> None:
    """Write dead letters as the release of a lane does."""
    rows = [
        {
            "exchange": lake.exchange.upper(),
            "stage": stage,
            "raw_record": None,
            "error_reason": "price_jump",
            "error_type": "gate",
            "error_detail": "why",
            "rule_version": "1",
            "kafka_topic": "t",
            "kafka_partition": 0,
            "kafka_offset": offset,
            "schema_id": 7,
            "error_timestamp": NOON,
            "symbol": "BTCUSD",
            "trade_id": str(offset),
        }
        # The other stages' letters name rows that silver does not have.
        for offset, stage in (*((each, "gate") for each in offsets), (1, "gold"))
    ]
    frame = frame_of(lake.spark, rows, table_at("silver.dead_letters").ddl)
    frame.coalesce(1).writeTo(lake.name("silver.dead_letters")).append()


def promoted(lake: Lake, crash: str = "") -> Any:
    line = history(lake.spark, table_at("silver.trades").identifier(lake.exchange))
    head = newest_data(line)
    assert head is not None
    return promote(*lake.asked(GOLD), head, crash_at(crash), some_refused=True)


def account(lake: Lake) -> list[tuple[int, ...]]:
    rows = lake.spark.table(lake.name("gold.accounting")).orderBy("batch_id").collect()
    return [
        (row.silver_rows, row.inserted, row.duplicates, row.refused) for row in rows
    ]


@pytest.mark.parametrize("crash", ["", "after gold.trades", "before gold.accounting"])
def test_what_was_refused_is_left_out_and_accounted_for(lake: Lake, crash: str) -> None:
    lake.arrive(*(trade(lake.exchange, trade_id=str(number)) for number in range(4)))
    # A copy that comes later is refused as well.
    lake.arrive(*(trade(lake.exchange, trade_id=each) for each in "32"))
    lake.refine()
    refuse(lake, 2)

    if crash:
        with pytest.raises(Exception, match=crash):
            promoted(lake, crash)
    promoted(lake)

    assert ids(lake.rows("gold.trades", "trade_id")) == ["0", "1", "3"]
    assert sum(row[0] for row in account(lake)) == 6
    for silver, inserted, duplicates, refused in account(lake):
        assert silver == inserted + duplicates + refused
    assert sum(row[3] for row in account(lake)) == 2
    (candle,) = lake.rows("gold.candles_1m", "symbol")
    assert candle.trade_count == 3


def test_a_batch_of_which_nothing_is_left_is_accounted_for_too(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange, trade_id="7"))
    lake.refine()
    refuse(lake, 7)

    report = promoted(lake)

    assert report["inserted"] == 0 and lake.rows("gold.trades") == []
    assert account(lake) == [(1, 0, 0, 1)]
    lake.arrive(trade(lake.exchange, trade_id="8"))
    lake.lane()
    assert account(lake) == [(1, 0, 0, 1), (1, 1, 0, 0)]
