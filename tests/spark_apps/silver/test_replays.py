"""Dead letters that are sent again go the way of all messages, and are accounted."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import functions as F

from expectations.replay import ALL
from schemas.topic import TRADES
from spark_apps.replay.steps import Sender
from spark_apps.replay.today import NotThere
from tests.spark_apps.lake import NOON, Lake, ids, trade
from tests.spark_apps.silver.replayed import (
    Way,
    carry,
    counts,
    ended,
    ledger,
    replay,
    sent,
    unknown,
    way,
)
from tests.spark_apps.silver.test_silver_trades import broken, letters

__all__ = ["unknown", "way"]
pytestmark = pytest.mark.spark


def test_a_letter_that_passes_now_reaches_gold_once(unknown: Lake, way: Way) -> None:
    assert counts(way) == {"passes": 1, "breaks": 1}
    assert sent(way) == {"sent": 1, "there_before": 0}
    assert ended(way) == {"waiting": 1}
    commits = unknown.spark.table(f"{unknown.name('silver.replays')}.snapshots")
    before = commits.count()
    # What is no news is not written.
    assert ended(way) == {"waiting": 1} and commits.count() == before == 2
    # Nobody waits for a lane that is closed.
    told = replay(way).follow("manual__1", timedelta(hours=1), lambda: True)
    assert told == {"outcomes": {"waiting": 1}, "lane_is_closed": True}

    carry(unknown)

    assert ended(way) == {"gold": 1}
    assert ids(unknown.rows("gold.trades")) == ["1"]
    (row,) = ledger(way)
    assert (row.kafka_offset, row.first_offset, row.sent_offset) == (0, 0, 2)
    assert (row.attempt, row.error_reason) == (1, "unknown_schema_id")
    assert (row.replayed_by, row.reason) == ("ada", "the schema is registered")
    assert row.settled_at >= row.replayed_at > row.first_seen


def test_twice_is_harmless(unknown: Lake, way: Way) -> None:
    sent(way)
    # Before the lane had it: it is on its way.
    assert counts(way) == {"sent": 1, "breaks": 1}
    carry(unknown)

    assert counts(way) == {"sent": 1, "breaks": 1}
    assert counts(way, again=True) == {"held": 1, "breaks": 1}
    assert sent(way, "manual__2") == {"sent": 0, "there_before": 0}
    assert sent(way, "manual__3", again=True)["sent"] == 0
    carry(unknown)
    assert ids(unknown.rows("gold.trades")) == ["1"]
    assert len(ledger(way)) == 1


def test_a_poison_letter_returns_once_and_does_not_loop(
    unknown: Lake, way: Way
) -> None:
    asked: dict[str, Any] = {"send": ALL, "reasons": ("price_must_be_positive",)}
    assert sent(way, **asked) == {"sent": 1, "there_before": 0}
    carry(unknown)

    assert ended(way) == {"dead": 1}
    (row,) = ledger(way)
    assert row.outcome_detail == "price_must_be_positive"
    back = letters(unknown)[-1]
    assert (back.kafka_partition, back.kafka_offset) == (
        row.sent_partition,
        row.sent_offset,
    )
    # Neither the first letter nor the one that came back is sent by itself again.
    assert sent(way, "manual__2", **asked)["sent"] == 0
    assert counts(way, reasons=("price_must_be_positive",)) == {"sent": 1, "copy": 1}

    # Asked again, it is one letter, and its second attempt.
    assert sent(way, "manual__3", again=True, **asked)["sent"] == 1
    carry(unknown)
    assert [row.attempt for row in ledger(way)] == [1, 2]
    assert ended(way, "manual__3") == {"dead": 1}
    assert len(letters(unknown)) == 4


def test_a_letter_that_came_back_is_the_first_ones(unknown: Lake, way: Way) -> None:
    sent(way, send=ALL, reasons=("price_must_be_positive",))
    carry(unknown)
    ended(way)
    came_back = letters(unknown)[-1].error_timestamp.replace(tzinfo=UTC)

    alone: dict[str, Any] = {"since": came_back, "send": ALL}
    assert counts(way, **alone) == {"sent": 1}
    assert sent(way, "manual__2", again=True, **alone)["sent"] == 1

    assert [(row.first_offset, row.attempt) for row in ledger(way)] == [(1, 1), (1, 2)]


def test_a_copy_with_other_digits_is_a_conflict(unknown: Lake, way: Way) -> None:
    unknown.arrive(trade(unknown.exchange, trade_id="1", price=Decimal(9)))
    carry(unknown)
    sent(way)

    carry(unknown)

    assert ended(way) == {"conflict": 1}
    assert letters(unknown)[-1].error_reason == "conflicting_duplicate"
    assert [row.price for row in unknown.rows("gold.trades")] == [Decimal(9)]
    # What gold refused is for a person who looks at both; a replay leaves it out.
    assert counts(way)["gold"] == 1


def test_a_letter_that_gold_has_by_now_is_left_out(unknown: Lake, way: Way) -> None:
    unknown.arrive(trade(unknown.exchange, trade_id="1"))
    carry(unknown)

    assert counts(way) == {"held": 1, "breaks": 1}
    assert sent(way)["sent"] == 0


def test_what_comes_meanwhile_makes_it_a_duplicate(unknown: Lake, way: Way) -> None:
    sent(way)
    early = NOON + timedelta(milliseconds=1)
    unknown.arrive(trade(unknown.exchange, trade_id="1", ingestion_timestamp=early))
    carry(unknown)

    assert ended(way) == {"duplicate": 1}


def test_what_a_person_refused_at_the_gate_stays_refused(
    unknown: Lake, way: Way
) -> None:
    refuse(unknown, "1")
    assert counts(way) == {"passes": 1, "breaks": 1, "gate": 1}
    assert sent(way)["sent"] == 1
    unknown.refine()

    assert ended(way) == {"refused": 1}
    assert ledger(way)[0].outcome_detail == "price_jump"


def refuse(lake: Lake, trade_id: str) -> None:
    """Write a dead letter as `release_lane` does."""
    table = lake.spark.table(lake.name("silver.dead_letters"))
    one = table.where("kafka_offset = 0").withColumns(
        {
            "stage": F.lit("gate"),
            "error_reason": F.lit("price_jump"),
            "kafka_offset": F.lit(77).cast("bigint"),
            "symbol": F.lit("BTCUSD"),
            "trade_id": F.lit(trade_id),
        }
    )
    one.writeTo(lake.name("silver.dead_letters")).append()


def test_other_stages_and_letters_without_bytes_are_left_out_and_counted(
    lake: Lake, way: Way
) -> None:
    lake.arrive(None, b"", broken(lake, quantity=Decimal(0)))
    carry(lake)
    frame = lake.spark.table(lake.name("silver.dead_letters")).limit(1)
    frame.withColumn("stage", F.lit("ingest")).writeTo(
        lake.name("silver.dead_letters")
    ).append()

    assert counts(way) == {"bare": 2, "breaks": 1, "ingest": 1}
    assert sent(way, send=ALL)["sent"] == 1


def test_a_run_that_was_killed_sends_the_rest_and_nothing_twice(
    unknown: Lake, way: Way
) -> None:
    asked = replay(way, send=ALL)
    snapshot = int(str(asked.look()["snapshot"]))
    by = Sender(run_id="manual__1", by="ada", why="they pass")
    way.takes = 1
    with pytest.raises(ConnectionError):
        asked.send(by, snapshot)
    way.takes = 9

    assert asked.send(by, snapshot) == {"sent": 1, "there_before": 1}
    assert asked.send(by, snapshot) == {"sent": 0, "there_before": 2}

    carry(unknown)
    assert ended(way) == {"gold": 1, "dead": 1}
    assert len(ledger(way)) == 2 and len(letters(unknown)) == 3


def test_what_is_sent_is_what_was_looked_at(unknown: Lake, way: Way) -> None:
    asked = replay(way, send=ALL)
    snapshot = int(str(asked.look()["snapshot"]))
    unknown.arrive(broken(unknown, price=Decimal(-1)))
    carry(unknown)

    by = Sender(run_id="manual__1", by="ada", why="they pass")
    assert asked.send(by, snapshot)["sent"] == 2
    with pytest.raises(NotThere, match="trigger the DAG again"):
        asked.send(replace(by, run_id="manual__2"), 7)


def test_at_most_so_many_go_and_the_next_run_has_the_rest(lake: Lake, way: Way) -> None:
    prices = (Decimal(-number) for number in range(1, 4))
    lake.arrive(*(broken(lake, price=price) for price in prices))
    carry(lake)

    assert sent(way, "manual__1", send=ALL, at_most=2)["sent"] == 2
    assert sent(way, "manual__2", send=ALL, at_most=2)["sent"] == 1
    carry(lake)
    assert ended(way, "manual__2") == {"dead": 1}


def test_a_preview_says_what_the_rules_say_today(unknown: Lake, way: Way) -> None:
    told: Any = replay(way).look()

    (passing,), (breaking,) = told["passing"], told["breaking"]
    assert (passing["trade_id"], passing["was"]) == ("1", "unknown_schema_id")
    assert (passing["time"], passing["today"]) == ("2026-11-22 12:00:00", "")
    assert breaking["today"] == "price_must_be_positive"
    assert json.loads(json.dumps(told)) == told
    assert replay(way, reasons=("invalid_side",)).look()["counts"] == []
    past = datetime(2026, 1, 1, tzinfo=UTC)
    assert replay(way, since=past, until=NOON).look()["counts"] == []


def test_a_run_ids_quotes_are_letters_like_others(unknown: Lake, way: Way) -> None:
    hostile = "x' OR '1'='1"
    sent(way)
    assert sent(way, hostile, again=True, send=ALL)["sent"] == 2
    assert sorted(row.run_id for row in ledger(way)) == ["manual__1", hostile, hostile]
    carry(unknown)
    # Copies with the same bytes are one trade: gold has it since both were sent.
    assert ended(way, hostile) == {"dead": 1, "gold": 1}


def test_the_copy_is_as_the_first_but_for_its_headers(unknown: Lake, way: Way) -> None:
    sent(way)

    first, *_, copy = (
        unknown.spark.table(unknown.name("bronze.trades")).orderBy("offset").collect()
    )
    assert copy.raw_bytes == first.raw_bytes and copy.partition == first.partition
    assert copy.topic == first.topic == TRADES.name(unknown.exchange)
    said = {each.key: bytes(each.value).decode() for each in copy.headers}
    assert said == {
        "bullion.replay-run": "manual__1",
        "bullion.replay-letter": "0/0",
        "bullion.replay-first": "0/0",
        "bullion.replay-attempt": "1",
    }
