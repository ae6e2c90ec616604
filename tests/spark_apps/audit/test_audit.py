"""An audit passes what is sound, beside a lane that runs, and finds each fault."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

import pytest

from schemas.table import CATALOG, all_tables
from spark_apps.audit import candles, elsewhere, messages, pins, promoted
from spark_apps.audit.elsewhere import Tallies, tallies
from spark_apps.audit.job import Audit, DayRefused, audit, days
from spark_apps.audit.pins import Pins, pinned
from spark_apps.audit.verdict import Day, Verdict
from spark_apps.audit.walk import walked
from spark_apps.jobs import CANDLES, app_of
from spark_apps.ledger import keep_ledger
from tests.spark_apps.lake import NOON, Lake, trade

DAY = Day(NOON.date())
APPS = [app_of(each) for each in ("gold.candles_1m", *CANDLES)]
EVER = {"bronze.trades": None, "silver.trades": None, "gold.candles_1m": None}
IDS = [str(number) for number in range(100, 112)]
Told = dict[tuple[str, str], Any]


def sound(exchange: str, number: str, **changes: Any) -> Any:
    """Return a trade; each happens seven minutes after the one before."""
    at = NOON + timedelta(minutes=7 * (int(number) - 100))
    said = {"trade_id": number, "timestamp": at, "price": Decimal(number)}
    return trade(exchange, **said | changes)


@pytest.fixture
def run_by(lake: Lake) -> Lake:
    """A lake with a sound day: twelve trades, a copy, two that nobody can read."""

    def make() -> None:
        some = [sound(lake.exchange, number) for number in IDS]
        lake.arrive(*some[:5], b"poison")
        lake.lane()
        lake.arrive(*some[3:], b"poison too")
        lake.lane()
        lake.roll_up()

    lake.become("a sound day", make)
    return lake


def audited(
    lake: Lake, told: Tallies | None = None, kept: Mapping[str, Any] = EVER
) -> Told:
    """Return the rows that an audit of the days with rows left, by check and day."""
    asked = Audit(
        days=both_days(),
        told=told or {},
        apps=APPS,
        kept=kept,
        again_after=timedelta(0),
    )
    report = audit(lake.spark, lake.settings, asked)
    checks: Any = report["checks"]
    rows = lake.rows("gold.audits", "check_name")
    last = [row for row in rows if row.run_id == report["run_id"]]
    assert {(row.check_name, str(row.day)) for row in last} == {
        (each["check_name"], each["day"]) for each in checks
    }
    return {(row.check_name, str(row.day)): row for row in last}


def both_days() -> list[Day]:
    """Return the day of the trades, and that of gold's runs, which is today."""
    return [DAY, Day(datetime.now(UTC).date())]


def failed(told: Told) -> list[str]:
    return sorted(check for (check, _), row in told.items() if row.state == "failed")


@pytest.mark.spark
def test_a_sound_day_passes_and_what_cannot_be_compared_says_why(run_by: Lake) -> None:
    told = audited(run_by)

    assert failed(told) == []
    at = {check: row for (check, day), row in told.items() if day == str(DAY.day)}
    assert at["bronze = silver + dead letters"].state == "passed"
    assert at["bronze = silver + dead letters"].expected == 16
    assert (at["silver = gold"].state, at["silver = gold"].found) == ("passed", 12)
    for name in ("silver's account", "gold is unique", "trade ids"):
        assert (at[name].state, at[name].differing) == ("passed", 0)
    widths = [at[f"candles {each}"] for each in ("1m", "5m", "1h", "1d")]
    assert [row.state for row in widths] == ["passed"] * 4
    assert [row.found for row in widths] == [12, 12, 2, 1]
    account = told["gold's account", str(datetime.now(UTC).date())]
    assert (account.state, account.expected, account.found) == ("passed", 12, 12)
    for row in told.values():
        assert row.state == "passed" or (row.state, bool(row.note)) == (
            "not comparable",
            True,
        )


def sql(address: str, doing: str) -> tuple[str, Callable[[Lake], None]]:
    """Return a fault: a statement in which TABLE is the table's name."""
    return address, lambda lake: lake.spark.sql(
        doing.replace("TABLE", lake.name(address))
    )


def doubled(lake: Lake) -> None:
    name = lake.name("gold.trades")
    lake.spark.table(name).where("trade_id = '104'").writeTo(name).append()


BRONZE_LOST = sql("bronze.trades", "DELETE FROM TABLE WHERE offset = 2")
SILVER_LOST = sql("silver.trades", "DELETE FROM TABLE WHERE trade_id = '107'")
GOLD_LOST = sql("gold.trades", "DELETE FROM TABLE WHERE trade_id = '107'")
GOLD_DOUBLED = ("gold.trades", doubled)
LETTER_LOST = sql("silver.dead_letters", "DELETE FROM TABLE WHERE kafka_offset = 5")
BENT = [
    sql(
        f"gold.candles_{width}",
        "UPDATE TABLE SET high_price = high_price + 0.000000000000000001 "
        "WHERE window_start >= timestamp'2026-11-22 00:00:00'",
    )
    for width in ("1m", "5m", "1h", "1d")
]
CANDLE_LOST = sql("gold.candles_5m", "DELETE FROM TABLE WHERE high_price = 103")
SILVER_LIED = sql(
    "silver.accounting",
    "UPDATE TABLE SET silver_rows = silver_rows - 1, bronze_rows = bronze_rows - 1 "
    "WHERE first_offset = 0",
)
SILVER_SILENT = sql("silver.accounting", "DELETE FROM TABLE WHERE first_offset = 0")
GOLD_LIED = sql(
    "gold.accounting",
    "UPDATE TABLE SET inserted = inserted + 1, duplicates = duplicates - 1 "
    "WHERE duplicates > 0",
)
GOLD_UNEVEN = sql(
    "gold.accounting", "UPDATE TABLE SET silver_rows = silver_rows + 1 WHERE true"
)


def conserved(asked: Pins) -> Verdict:
    return messages.conserved(asked, DAY)


def of_silver(asked: Pins) -> Verdict:
    return messages.accounted(asked, DAY)


def unique(asked: Pins) -> Verdict:
    return promoted.unique(asked, DAY)


def present(asked: Pins) -> Verdict:
    return promoted.present(asked, DAY)


def of_gold(asked: Pins) -> Verdict:
    return promoted.accounted(asked, Day(datetime.now(UTC).date()))


def ids(asked: Pins) -> Verdict:
    return elsewhere.by_ids(asked, DAY, elsewhere.in_gold(asked, DAY))


def candle(width: int) -> Callable[[Pins], Verdict]:
    return lambda asked: candles.exact(asked, DAY, APPS, EVER, NOON)[width]


FAULTS: list[tuple[tuple[str, Callable[[Lake], Any]], Callable[..., Verdict], str]] = [
    (GOLD_DOUBLED, unique, "2 copies"),
    (GOLD_DOUBLED, of_gold, "inserted is off by +1"),
    (SILVER_LOST, conserved, "@10"),
    (SILVER_LOST, present, "lacking in silver"),
    (SILVER_LOST, of_silver, "10 = 9 + 1, there are 10 = 8 + 1"),
    (BRONZE_LOST, conserved, "@2"),
    (GOLD_LOST, present, "lacking in gold"),
    (GOLD_LOST, ids, "12 ids from 100 to 111, 11 held"),
    (GOLD_LOST, of_gold, "inserted is off by -1"),
    (LETTER_LOST, conserved, "@5"),
    *((bent, candle(number), "high_price is") for number, bent in enumerate(BENT)),
    (CANDLE_LOST, candle(1), "trade_count is not there, not 1"),
    (SILVER_LIED, of_silver, "5 = 4 + 1, there are 6 = 5 + 1"),
    (SILVER_SILENT, of_silver, "@0"),
    (GOLD_LIED, of_gold, "inserted is off by -1"),
    (GOLD_UNEVEN, of_gold, "silver rows"),
]


@pytest.mark.spark
def test_each_planted_fault_is_found_and_named(run_by: Lake) -> None:
    def now() -> Pins:
        return pinned(run_by.spark, run_by.settings, run_by.exchange)

    before = now()
    for (address, plant), faults in groupby(FAULTS, itemgetter(0)):
        plant(run_by)
        bent = now()

        for _, check, sample in faults:
            found = check(bent)
            assert found.state == "failed", (address, sample)
            assert found.differing > 0 and found.note
            assert sample in found.samples
        table = before.tables[address]
        run_by.spark.sql(
            f"CALL {CATALOG}.system.rollback_to_snapshot("
            f"'{table.identifier}', {table.snapshot_id})"
        )
    # As it was before each of them: no check had found another's fault.
    after = now()
    for check in dict.fromkeys(check for _, check, _ in FAULTS):
        assert check(after).state == "passed"


@pytest.mark.spark
@pytest.mark.parametrize("after", ["gold.accounting", "gold.trades", "silver.trades"])
def test_a_lane_that_runs_meanwhile_is_no_fault(
    run_by: Lake, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    usual, left = pins.at_head, [1]

    def at_head(spark: Any, address: str, exchange: str) -> Any:
        found = usual(spark, address, exchange)
        if address == after and left:
            left.pop()
            run_by.arrive(sound(exchange, "112"), sound(exchange, "103"), b"poison")
            run_by.lane()
            run_by.roll_up()
        return found

    monkeypatch.setattr(pins, "at_head", at_head)

    told = audited(run_by)

    assert not left
    assert failed(told) == []


@pytest.mark.spark
def test_what_waits_is_told_as_not_comparable(run_by: Lake) -> None:
    run_by.arrive(sound(run_by.exchange, "112"))
    asked = pinned(run_by.spark, run_by.settings, run_by.exchange)
    assert conserved(asked).state == "not comparable"
    assert conserved(asked).note == "silver has yet to read 1 messages"
    run_by.refine()

    asked = pinned(run_by.spark, run_by.settings, run_by.exchange)

    assert conserved(asked).state == "passed"
    assert present(asked).state == "not comparable"
    assert present(asked).note == "1 trades stand before gold's gate"
    told = audited(run_by, kept={"bronze.trades": timedelta(days=1)})
    account = told["silver's account", str(DAY.day)]
    assert account.state == "not comparable"
    assert "retention may have dropped bronze.trades" in account.note


@pytest.mark.spark
def test_an_archive_is_compared_where_the_whole_day_was_captured(
    run_by: Lake,
) -> None:
    asked = pinned(run_by.spark, run_by.settings, run_by.exchange)
    held = elsewhere.in_gold(asked, DAY)
    assert held == {"BTCUSD": (12, 100, 111)}

    def told(trades: int, last: int, error: str = "") -> Verdict:
        said = {"symbol": "BTCUSD", "trades": trades, "first_id": 100, "last_id": last}
        report = {
            "exchange": run_by.exchange.upper(),
            "day": str(DAY.day),
            "symbols": [said | {"error": error}],
        }
        return elsewhere.against_archive(
            asked, DAY, held, tallies(json.dumps([report]))
        )

    assert told(12, 111).state == "passed"
    # No ranges yet: nobody knows that capture had begun.
    assert told(13, 112).state == "not comparable"
    assert told(0, -1, "not out yet").note == "BTCUSD: not out yet"
    assert elsewhere.against_archive(asked, DAY, held, {}).state == "not comparable"
    keep_ledger(run_by.spark, run_by.settings)
    run_by.spark.sql(
        f"UPDATE {run_by.name('gold.ranges')} "
        "SET live_since = timestamp'2026-11-20 00:00:00'"
    )
    asked = pinned(run_by.spark, run_by.settings, run_by.exchange)
    red = told(13, 112)
    assert (red.state, red.expected, red.found) == ("failed", 13, 12)
    assert "archive 13 trades, 100 to 112; gold 12, 100 to 111" in red.samples
    assert f"backfill__{run_by.exchange}" in red.note

    # A day of before capture, which nobody has brought, is no fault of ours.
    held = {}
    assert told(13, 112).state == "failed"
    run_by.spark.sql(
        f"UPDATE {run_by.name('gold.ranges')} "
        f"SET live_since = timestamp'{DAY.day + timedelta(days=1)} 09:00:00'"
    )
    asked = pinned(run_by.spark, run_by.settings, run_by.exchange)
    early = told(13, 112)
    assert early.state == "not comparable" and "backfill it" in early.note


def test_each_table_is_audited_or_is_a_record_of_what_was_done() -> None:
    notes = {"gold.audits", "gold.decisions", "silver.replays"}

    assert {*pins.ORDER, *notes} == {table.address for table in all_tables()}


SPAN = DAY.span
T = [SPAN[0] + timedelta(hours=each) for each in range(1, 5)]


@pytest.mark.parametrize(
    ("said", "held", "idle", "wrong", "waiting"),
    [
        ({T[0]: 3, T[1]: 2}, {T[0]: 3, T[1]: 2}, True, [], 0),
        # Killed between gold and its account: the next run accounts for it.
        ({T[0]: 3, T[1]: 5}, {T[0]: 7, T[1]: 1}, True, [], 0),
        ({T[1]: 5}, {T[0]: 5}, True, [], 0),
        ({T[0]: 3, T[1]: 5}, {T[0]: 7, T[1]: 2}, True, [(T[1], 1)], 0),
        ({T[0]: 3, T[1]: 2}, {T[0]: 4, T[1]: 2}, True, [(T[0], 1)], 0),
        ({T[0]: 3, T[1]: 2}, {T[0]: 2, T[1]: 2}, True, [(T[0], -1)], 0),
        ({T[0]: 3}, {T[0]: 4}, False, [], 1),
        ({T[0]: 3}, {T[0]: 4}, True, [(T[0], 1)], 0),
    ],
)
def test_rows_of_a_killed_run_are_those_that_the_next_accounts_for(
    said: dict[datetime, int],
    held: dict[datetime, int],
    idle: bool,
    wrong: list[tuple[datetime, int]],
    waiting: int,
) -> None:
    assert walked(said, held, SPAN, idle) == (wrong, waiting)


def test_days_are_over_and_few_and_yesterday_without_any() -> None:
    now = datetime(2026, 11, 24, 6, tzinfo=UTC)

    assert [each.day.day for each in days("", "", now)] == [23]
    assert [each.day.day for each in days("2026-11-21", "2026-11-23", now)] == [
        *(21, 22, 23)
    ]
    for first, last in (
        ("2026-11-24", ""),
        ("2026-11-23", "2026-11-21"),
        ("2026-01-01", "2026-11-01"),
        ("'; DROP TABLE", ""),
    ):
        with pytest.raises(DayRefused):
            days(first, last, now)
