"""What an audit finds, a rebuild mends: layer by layer, killed, and run again."""

import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row
from pyspark.sql import functions as F

from schemas.table import table_at
from spark_apps.audit.verdict import Day
from spark_apps.checkpoint import Position
from spark_apps.job_guard import hold_lock
from spark_apps.ledger import keep_ledger
from spark_apps.rebuild import gold, silver
from spark_apps.rebuild.asked import LAYERS, Asked, RebuildRefused, days
from spark_apps.rebuild.job import rebuild, require_kept
from spark_apps.streams import Snapshot, rebuilt_alone
from tests.spark_apps.audit.test_audit import (
    APPS,
    CANDLE_LOST,
    DAY,
    GOLD_DOUBLED,
    GOLD_LOST,
    LETTER_LOST,
    SILVER_LOST,
    audited,
    failed,
    run_by,
    sound,
    sql,
)
from tests.spark_apps.lake import NOON, Crash, Lake

__all__ = ["run_by"]
KEPT = {name: None for name in ("bronze.trades", "silver.trades", "gold.candles_1m")}


def rebuilt(
    lake: Lake, layer: str, look: bool = False, day: Day = DAY
) -> dict[str, int]:
    """Rebuild a layer of a day; return what differed, of all days together."""
    asked = Asked(layer=layer, exchange=lake.exchange, days=(day,), look=look)
    report: Any = rebuild(
        lake.spark, replace(lake.settings, kept_for=KEPT), asked, tuple(APPS)
    )
    found: dict[str, int] = {}
    for figures in report["days"].values():
        for name, number in figures.items():
            if number:
                found[name] = found.get(name, 0) + number
    return found


def everything(lake: Lake) -> dict[str, list[Row]]:
    """Return the rows of every table that a rebuild may write, but for moments."""
    ours = {"created_at", "updated_at", "validation_timestamp", "error_timestamp"}
    ours |= {"gold_ingestion_timestamp"}
    found = {}
    for address in (
        *("silver.trades", "silver.dead_letters", "gold.trades"),
        *(app.writes for app in APPS),
    ):
        table = table_at(address)
        names = [each.name for each in table.columns if each.name not in ours]
        frame = lake.spark.table(lake.name(address)).select(*names)
        found[address] = sorted(frame.collect(), key=str)
    return found


SILVER_BENT = sql(
    "silver.trades", "UPDATE TABLE SET price = price + 1 WHERE trade_id = '105'"
)
LETTER_BENT = sql(
    "silver.dead_letters",
    "UPDATE TABLE SET error_reason = 'bad mood' WHERE kafka_offset <> 5",
)
GOLD_BENT = sql(
    "gold.trades", "UPDATE TABLE SET quantity = quantity * 2 WHERE trade_id = '106'"
)
CANDLE_BENT = sql(
    "gold.candles_1d",
    "UPDATE TABLE SET vwap = vwap + 0.000000000000000001 WHERE true",
)
CANDLE_INVENTED = sql(
    "gold.candles_1m",
    "UPDATE TABLE SET window_start = window_start + INTERVAL 1 MINUTE, "
    "window_end = window_end + INTERVAL 1 MINUTE WHERE high_price = 104",
)
MENDED = {
    "silver": (
        (SILVER_LOST, SILVER_BENT, LETTER_LOST, LETTER_BENT),
        {
            "silver lacking": 1,
            "silver other": 1,
            "dead letters lacking": 1,
            "dead letters other": 1,
        },
    ),
    "gold": (
        (GOLD_LOST, GOLD_DOUBLED, GOLD_BENT),
        {"gold lacking": 1, "gold doubled": 1, "gold other": 1},
    ),
    "candles": (
        (CANDLE_INVENTED, CANDLE_LOST, CANDLE_BENT),
        {
            "gold.candles_1m other": 1,
            "gold.candles_1m too many": 1,
            "gold.candles_5m other": 1,
            "gold.candles_1d other": 1,
        },
    ),
}


@pytest.mark.spark
def test_whatever_an_audit_finds_is_mended_and_nothing_else_is_touched(
    run_by: Lake,
) -> None:
    whole = everything(run_by)
    for layer, (faults, found) in MENDED.items():
        for address, plant in faults:
            plant(run_by)
        bent = everything(run_by)
        assert {address for address, _ in faults} == {
            address for address in whole if bent[address] != whole[address]
        }
        assert rebuilt(run_by, layer, look=True).items() >= found.items(), layer
        assert everything(run_by) == bent

        assert rebuilt(run_by, layer) == found, layer

        assert everything(run_by) == whole, layer
    assert rebuilt(run_by, "silver") == {}
    assert failed(audited(run_by)) == []


@pytest.mark.spark
def test_a_rule_that_changed_moves_messages_between_silver_and_dead_letters(
    run_by: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_ledger(run_by.spark, run_by.settings)
    usual = silver.silver_trades

    def stricter(bronze: Any, run: Any) -> Any:
        made = usual(bronze, run)
        odd = made["silver.trades"].where("trade_id IN ('104', '105')")
        letter = made["silver.dead_letters"]
        told = {
            "raw_record": F.lit(b"odd"),
            "error_reason": F.lit("odd"),
            "error_type": F.lit("range"),
            "error_detail": F.lit(None).cast("string"),
            "rule_version": F.lit("2"),
            "stage": F.lit("silver"),
            "error_timestamp": F.lit(run.started_at),
        }
        more = odd.select(*(told.get(n, F.col(n)).alias(n) for n in letter.columns))
        return {
            "silver.trades": made["silver.trades"].where(
                "trade_id NOT IN ('104', '105')"
            ),
            "silver.dead_letters": letter.unionByName(more),
        }

    monkeypatch.setattr(silver, "silver_trades", stricter)
    found = rebuilt(run_by, "silver")

    # 103 and 104 came twice, with silver and the dead letters told by the copy.
    assert found["silver too many"] == found["dead letters lacking"] == 3
    assert found["gold too many"] == 2
    assert "104" not in [row.trade_id for row in run_by.rows("gold.trades")]
    keep_ledger(run_by.spark, run_by.settings)
    missing = [(g.first_missing_id, g.last_missing_id) for g in gaps(run_by)]
    assert missing == [(104, 105)]
    assert failed(audited(run_by)) == []
    # The lane reads on: what a rebuild rewrote in silver stops nobody.
    run_by.arrive(sound(run_by.exchange, "112"))
    run_by.lane()
    assert "112" in [row.trade_id for row in run_by.rows("gold.trades")]

    monkeypatch.setattr(silver, "silver_trades", usual)
    assert rebuilt(run_by, "silver")["silver lacking"] == 3
    # They are new to silver: the lane carries them through the gate, not the rebuild.
    assert "104" not in [row.trade_id for row in run_by.rows("gold.trades")]
    run_by.lane()
    run_by.roll_up()
    keep_ledger(run_by.spark, run_by.settings)
    assert failed(audited(run_by)) == []


@pytest.mark.spark
def test_what_golds_lane_has_yet_to_read_is_left_to_it(
    run_by: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_by.arrive(sound(run_by.exchange, "112"))
    run_by.refine()
    usual = silver.silver_trades

    def stricter(bronze: Any, run: Any) -> Any:
        return {name: rows.where("false") for name, rows in usual(bronze, run).items()}

    monkeypatch.setattr(silver, "silver_trades", stricter)

    # Every row is at fault by these rules, but for the one that the lane will read.
    assert rebuilt(run_by, "silver", look=True)["silver too many"] == 14
    assert rebuilt(run_by, "gold") == {}
    assert "112" not in [row.trade_id for row in run_by.rows("gold.trades")]


def gaps(lake: Lake) -> list[Row]:
    return lake.rows("gold.gaps", "first_missing_id")


@pytest.mark.spark
@pytest.mark.parametrize("point", ["put", "settle"])
def test_a_rebuild_that_was_killed_is_run_again_and_the_accounts_hold(
    run_by: Lake, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    whole = everything(run_by)
    for _, plant in (GOLD_LOST, GOLD_DOUBLED):
        plant(run_by)
    calls = []

    def killed(*_: Any) -> None:
        calls.append(point)
        # Accounts are settled at the start too: there was nothing yet.
        if point == "put" or len(calls) == 2:
            raise Crash(point)

    with monkeypatch.context() as patched:
        patched.setattr(gold, point, killed)
        with pytest.raises(Crash):
            rebuilt(run_by, "gold")

    rebuilt(run_by, "gold")

    assert everything(run_by) == whole
    assert failed(audited(run_by)) == []


def test_days_that_cannot_be_rebuilt_are_refused_with_what_can() -> None:
    assert [each.day.day for each in days("2026-11-20", "2026-11-22", NOON)] == [
        *(20, 21, 22)
    ]
    assert len(days("2026-11-22", "", NOON)) == 1
    for first, last in (
        ("2026-11-23", ""),
        ("2026-11-22", "2026-11-21"),
        ("2026-09-01", "2026-11-01"),
        ("yesterday", ""),
        ("2026-11-20'; DROP TABLE x", ""),
    ):
        with pytest.raises(RebuildRefused, match="UTC|no day"):
            days(first, last, NOON)


@pytest.mark.parametrize("layer", LAYERS)
def test_what_the_layer_below_has_lost_is_not_derived_again(layer: str) -> None:
    ages = {"bronze.trades": timedelta(days=7), "silver.trades": timedelta(days=30)}
    old = Day((NOON - timedelta(days=31)).date())

    if layer == "candles":
        require_kept(layer, old, ages, NOON)
    else:
        with pytest.raises(RebuildRefused, match="bring the day again with backfill"):
            require_kept(layer, old, ages, NOON)
        require_kept(layer, Day((NOON - timedelta(days=5)).date()), ages, NOON)


def test_a_reader_passes_over_what_rebuilds_rewrote_and_over_nothing_else() -> None:
    def line(*said: str) -> tuple[Snapshot, ...]:
        made = [
            Snapshot(n, n - 1 or None, "append" if each == "new" else "overwrite", 1)
            for n, each in enumerate(said, start=1)
        ]
        ours = [
            replace(each, rebuilt=word == "ours")
            for each, word in zip(made, said, strict=True)
        ]
        return tuple(reversed(ours))

    for said, at, passes in (
        (("new", "new"), 1, False),
        (("new", "ours", "new"), 1, True),
        (("new", "ours", "theirs", "new"), 1, False),
        (("new", "theirs", "new", "ours"), 3, True),
        (("ours", "new"), 2, True),
        (("new", "theirs"), -1, False),
    ):
        assert rebuilt_alone(line(*said), Position(at, 1)) is passes, said


def test_a_job_waits_for_its_turn(tmp_path: Path) -> None:
    held = hold_lock(tmp_path, "gold.trades.acme")
    threading.Timer(0.5, os.close, [held]).start()

    os.close(hold_lock(tmp_path, "gold.trades.acme", timedelta(minutes=1)))
