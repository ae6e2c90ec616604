"""Each trade is in gold once, for all time, and candles follow from gold alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import functions as F

from schemas.lane import POINTS
from schemas.table import table_at
from schemas.trade import Side
from spark_apps.gold.trades import APP as GOLD
from spark_apps.jobs import CANDLES, app_of
from spark_apps.lane import Ungated, promote, refine
from spark_apps.ledger import keep_ledger
from spark_apps.rollup import roll_up
from spark_apps.silver.trades import APP as SILVER
from spark_apps.streams import history, newest_data
from tests.spark_apps.candles import told
from tests.spark_apps.lake import NOON, Lake, ids, message, trade

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
    wanted = told(lake.rows("gold.trades"))
    assert [{key: row[key] for key in wanted[0]} for row in candles(lake)] == wanted


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


def test_trades_whose_hashes_collide_are_told_apart(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No two of the right hashes are known to collide; these have three bits.
    monkeypatch.setattr(
        "spark_apps.repeats.hashed", lambda key: F.pmod(F.xxhash64(key), F.lit(8))
    )
    lake.arrive(*several(lake, 1, 20), *several(lake, 3, 2))
    lake.lane()
    lake.arrive(*several(lake, 15, 20), *several(lake, 3, 1, side=Side.SELL))

    _, report = lake.lane()

    held = sorted(map(int, ids(lake.rows("gold.trades"))))
    assert held == list(range(1, 35))
    assert (report["rows"], report["inserted"], report["duplicates"]) == (21, 14, 7)
    assert report["conflicts"] == 7  # digits follow the place in a batch, not the id
    check_candles(lake)


@pytest.mark.parametrize(("hours", "files"), [(1, 2), (3, 3)])
def test_rows_of_many_hours_are_brought_together_before_they_are_written(
    lake: Lake, hours: int, files: int
) -> None:
    # What may be a repeat comes another way to the table than the rest.
    for n in range(hours):
        at = {"timestamp": NOON + timedelta(hours=n)}
        twice = trade(lake.exchange, trade_id=f"{n} twice", **at)
        lake.arrive(trade(lake.exchange, trade_id=f"{n} once", **at), twice, twice)

    _, report = lake.lane()

    assert (report["inserted"], report["duplicates"]) == (2 * hours, hours)
    written = lake.spark.table(f"{lake.name('gold.trades')}.files").count()
    assert written == files


def test_the_copy_that_came_first_stays_and_other_digits_are_dead_letters(
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
    letters = lake.rows("silver.dead_letters", "kafka_offset")
    assert [(row.kafka_offset, row.stage) for row in letters] == [
        (0, "gold"),
        (2, "gold"),
    ]
    assert {row.error_reason for row in letters} == {"conflicting_duplicate"}
    # The message as it came, and both readings of it.
    assert letters[0].raw_record == message(
        trade(lake.exchange, price=Decimal(2), **late)
    )
    assert "gold has 2026-11-22 12:00:00.000000, 1.0" in letters[0].error_detail
    assert "this copy says 2026-11-22 12:00:00.000000, 2.0" in letters[0].error_detail


def test_two_copies_whose_times_differ_are_one_trade(lake: Lake) -> None:
    edge = NOON + timedelta(hours=1)
    lake.arrive(trade(lake.exchange, timestamp=edge - timedelta(microseconds=1)))
    lake.lane()
    lake.arrive(trade(lake.exchange, timestamp=edge))

    _, report = lake.lane()

    assert (report["inserted"], report["conflicts"]) == (0, 1)


@pytest.mark.parametrize(
    "point",
    [
        "before gold.trades",
        "after gold.trades",
        "after silver.dead_letters",
        "after gold.candles_1m",
        "before the commit log",
    ],
)
def test_a_crash_leaves_each_trade_once_and_its_candles_whole(
    lake: Lake, point: str
) -> None:
    lake.arrive(*several(lake, 1, 10), *several(lake, 3, 1, side=Side.SELL))
    lake.refine()
    with pytest.raises(Exception, match=f"Crash: {point}"):
        lake.promote(crash=point)
    lake.arrive(*several(lake, 1, 12)[8:])

    _, report = lake.lane()

    assert len(lake.rows("gold.trades")) == 12
    assert (report["rows"], report["inserted"], report["duplicates"]) == (15, 12, 3)
    assert len(lake.rows("silver.dead_letters", "kafka_offset")) == 1
    accounts = lake.rows("gold.accounting", "batch_id")
    told = [(a.silver_rows, a.inserted, a.duplicates, a.conflicts) for a in accounts]
    assert told == [(11, 10, 1, 1), (4, 2, 2, 0)]
    check_candles(lake)


def test_a_run_passes_the_points_that_it_is_known_for(lake: Lake) -> None:
    passed: dict[str, list[str]] = {app: [] for app in POINTS}
    lake.arrive(*several(lake, 1, 2), *several(lake, 1, 1, side=Side.SELL), b"poison")

    refine(*lake.asked(SILVER), passed["silver.trades"].append)
    head = newest_data(
        history(lake.spark, table_at("silver.trades").identifier(lake.exchange))
    )
    promote(*lake.asked(GOLD), head or 0, passed["gold.trades"].append)
    roll_up(
        lake.spark,
        [app_of(each) for each in CANDLES],
        lake.settings,
        passed["gold.candles"].append,
    )
    keep_ledger(lake.spark, lake.settings, (), passed["gold.gaps"].append)

    assert {app: tuple(points) for app, points in passed.items()} == POINTS


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


def test_a_candle_says_where_no_decimal_can_hold_its_sums(lake: Lake) -> None:
    absurd = Decimal("9" * 20)
    lake.arrive(
        trade(lake.exchange, trade_id="1", price=absurd, quantity=absurd),
        trade(lake.exchange, trade_id="2", base_asset="ETH"),
    )

    _, report = lake.lane()

    btc, eth = candles(lake)
    assert (btc.high_price, btc.volume, btc.trade_count) == (absurd, absurd, 1)
    assert (btc.quote_volume, btc.vwap) == (None, None)
    assert eth.vwap == Decimal("83744.3")
    assert report["candles"] == 2
