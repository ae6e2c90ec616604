"""Each trade is in gold once, for all time, and candles follow from gold alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.table import table_at
from spark_apps.lane import Ungated
from spark_apps.streams import history, newest_data
from tests.spark_apps.candles import told
from tests.spark_apps.lake import NOON, Lake, ids, trade

pytestmark = pytest.mark.spark


def several(lake: Lake, first: int, number: int, **changes: Any) -> list[Any]:
    return [
        trade(
            lake.exchange,
            trade_id=str(first + n),
            timestamp=NOON + timedelta(seconds=7 * n),
            price=Decimal("100") + n,
            **changes,
        )
        for n in range(number)
    ]


def candles(lake: Lake) -> list[Any]:
    return lake.rows("gold.candles_1m", "window_start, symbol")


def check_candles(lake: Lake) -> None:
    """Compare with candles computed in plain Python from what gold holds."""
    keys = ("symbol", "window_start", "open_price", "high_price", "low_price")
    keys += ("close_price", "volume", "vwap", "trade_count")
    held = [{key: row[key] for key in keys} for row in candles(lake)]
    assert held == told(lake.rows("gold.trades"))


def test_trades_arrive_once_with_their_digits_and_their_candles(lake: Lake) -> None:
    lake.arrive(*several(lake, 1, 20))

    _, report = lake.lane()

    assert len(lake.rows("gold.trades")) == 20
    assert (report["rows"], report["inserted"], report["duplicates"]) == (20, 20, 0)
    assert (report["conflicts"], report["candles"]) == (0, 3)
    row = lake.rows("gold.trades")[0]
    assert (row.price, row.quantity) == (Decimal(100), Decimal("0.0004478"))
    assert (str(row.exchange_date), row.exchange_hour) == ("2026-11-22", 12)
    check_candles(lake)


def test_a_repeat_is_dropped_in_a_batch_across_batches_and_days(lake: Lake) -> None:
    old = NOON - timedelta(days=3)
    lake.arrive(
        *several(lake, 1, 3),
        *several(lake, 2, 1),
        trade(lake.exchange, trade_id="old", timestamp=old),
    )
    lake.lane()
    lake.arrive(
        *several(lake, 1, 4),
        trade(lake.exchange, trade_id="old", timestamp=old),
        trade(lake.exchange, trade_id="older", timestamp=old - timedelta(days=9)),
    )
    before = candles(lake)

    _, report = lake.lane()

    assert sorted(ids(lake.rows("gold.trades"))) == ["1", "2", "3", "4", "old", "older"]
    assert (report["rows"], report["inserted"], report["duplicates"]) == (6, 2, 4)
    check_candles(lake)
    # A candle that nothing changed keeps its row, and the moment of its last change.
    assert [row for row in candles(lake) if row in before] == [before[0]]


def test_the_copy_that_came_first_stays_and_other_digits_are_counted(
    lake: Lake,
) -> None:
    late = {"ingestion_timestamp": NOON + timedelta(seconds=5)}
    lake.arrive(
        trade(lake.exchange, price=Decimal(2), **late),
        trade(lake.exchange, price=Decimal(1)),
    )
    _, first = lake.lane()
    lake.arrive(
        trade(lake.exchange, price=Decimal(3)), trade(lake.exchange, price=Decimal(1))
    )
    _, second = lake.lane()

    assert [row.price for row in lake.rows("gold.trades")] == [Decimal(1)]
    assert (first["conflicts"], second["conflicts"]) == (1, 1)
    assert (second["inserted"], second["duplicates"]) == (0, 2)


def test_two_copies_whose_times_differ_are_one_trade(lake: Lake) -> None:
    edge = NOON + timedelta(hours=1)
    lake.arrive(trade(lake.exchange, timestamp=edge - timedelta(microseconds=1)))
    lake.lane()
    lake.arrive(trade(lake.exchange, timestamp=edge))

    _, report = lake.lane()

    assert (report["inserted"], report["conflicts"]) == (0, 1)


@pytest.mark.parametrize(
    "point", ["before gold.trades", "between the tables", "after the windows"]
)
def test_a_crash_leaves_each_trade_once_and_its_candles_whole(
    lake: Lake, point: str
) -> None:
    lake.arrive(*several(lake, 1, 10))
    lake.refine()
    with pytest.raises(Exception, match=f"Crash: {point}"):
        lake.promote(crash=point)
    lake.arrive(*several(lake, 9, 4))

    _, report = lake.lane()

    assert len(lake.rows("gold.trades")) == 12
    assert (report["rows"], report["inserted"], report["duplicates"]) == (14, 12, 2)
    check_candles(lake)


def test_what_no_gate_has_seen_stays_out_of_gold(lake: Lake) -> None:
    silver = table_at("silver.trades").identifier(lake.exchange)
    lake.arrive(trade(lake.exchange))
    lake.refine()
    gated = newest_data(history(lake.spark, silver))
    lake.arrive(trade(lake.exchange, trade_id="2"))
    lake.refine()

    with pytest.raises(Ungated, match="run the gate again"):
        lake.promote(gated)
    assert lake.rows("gold.trades") == []

    assert lake.promote()["inserted"] == 2


def test_candles_are_exact_for_tiny_prices_and_huge_amounts(lake: Lake) -> None:
    same = {"base_asset": "PEPE"}
    lake.arrive(
        trade(
            lake.exchange,
            trade_id="9",
            price=Decimal("0.00000001"),
            quantity=Decimal("999999999999999.99999999"),
            **same,
        ),
        trade(
            lake.exchange,
            trade_id="10",
            price=Decimal("0.00001234"),
            quantity=Decimal("0.00000003"),
            **same,
        ),
        trade(
            lake.exchange,
            trade_id="11",
            base_asset="ETH",
            price=Decimal("98765432109.87654321"),
            quantity=Decimal("7654.32109876"),
        ),
    )

    lake.lane()

    check_candles(lake)
    # Both trades share an instant: 9 comes before 10, as numbers do.
    assert [row.open_price for row in candles(lake) if row.symbol == "PEPEUSD"] == [
        Decimal("0.00000001")
    ]


def test_a_candle_that_no_decimal_can_hold_does_not_close_the_lane(lake: Lake) -> None:
    absurd = Decimal("9" * 20)
    lake.arrive(
        trade(lake.exchange, trade_id="1", price=absurd, quantity=absurd),
        trade(lake.exchange, trade_id="2", base_asset="ETH"),
    )

    _, report = lake.lane()

    assert len(lake.rows("gold.trades")) == 2
    assert [row.symbol for row in candles(lake)] == ["ETHUSD"]
    assert report["candles"] == 1
