"""Nothing expires that somebody needs, and whatever nobody needs does."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from schemas.table import CATALOG, table_at
from spark_apps.checkpoint import Checkpoint, Position
from spark_apps.streams import HistoryGone, history
from spark_apps.upkeep.expiry import Expiry, planned
from spark_apps.upkeep.needs import Reader, ended_batches, readers_of
from spark_apps.upkeep.utc import EPOCH, at_ms, literal
from tests.spark_apps.lake import Lake, trade
from tests.spark_apps.upkeep.histories import (
    COMPACTED,
    DATA,
    DROPPED,
    EMPTY,
    MINUTE,
    line,
)
from tests.spark_apps.upkeep.job import KEEP_NOTHING, upkeep

LATER = EPOCH + timedelta(days=1)
HOUR = timedelta(hours=1)
BRONZE = "bronze.trades"


def reader(snapshot: int, first: int = -1) -> Reader:
    return Reader("silver.trades of acme", Position(snapshot, 2), Position(first))


def expiry(
    *commits: tuple[str, int],
    held: tuple[Reader, ...] = (),
    now: datetime = LATER,
    keep: timedelta = HOUR,
    ended: dict[str, int] | None = None,
    **streams: int,
) -> Expiry:
    return planned(line(*commits, **streams), held, ended or {}, now, keep)


def test_snapshots_expire_by_age_when_nobody_reads() -> None:
    plan = expiry(*[DATA] * 5, now=EPOCH + HOUR + timedelta(minutes=3))

    # The third is exactly as old as may be: Iceberg keeps it.
    assert (plan.older_than_ms, plan.snapshots, plan.held_by) == (3 * MINUTE, 2, "")


def test_a_reader_keeps_the_snapshot_at_which_it_stands() -> None:
    plan = expiry(*[DATA] * 5, held=(reader(4), reader(2)))

    assert plan.older_than_ms == 2 * MINUTE
    assert plan.snapshots == 1
    assert plan.held_by == "silver.trades of acme"


def test_the_newest_rows_stay_however_much_came_behind_them() -> None:
    plan = expiry(DATA, DATA, COMPACTED, EMPTY, DROPPED)

    assert (plan.older_than_ms, plan.snapshots) == (2 * MINUTE, 1)
    assert plan.held_by == "the newest rows"


def test_a_reader_that_has_read_nothing_keeps_everything() -> None:
    plan = expiry(*[DATA] * 5, held=(reader(5), reader(-1)))

    assert plan.snapshots == 0
    assert "has read nothing yet" in plan.held_by
    assert expiry(held=(reader(-1),)) == Expiry(older_than_ms=plan_age())


def plan_age() -> int:
    return int((LATER - HOUR - EPOCH).total_seconds() * 1000)


def test_a_reader_that_began_at_a_snapshot_keeps_that_one() -> None:
    plan = expiry(*[DATA] * 5, held=(reader(4, first=2),))

    assert (plan.older_than_ms, plan.snapshots) == (2 * MINUTE, 1)


def test_a_batch_that_was_not_ended_keeps_what_it_left() -> None:
    begun = expiry(*[DATA] * 5, ended={"acme": 1}, acme=2)
    ended = expiry(*[DATA] * 5, ended={"acme": 2}, acme=2)
    foreign = expiry(*[DATA] * 5, ended={"ajax": 1}, acme=2)

    assert (begun.older_than_ms, begun.held_by) == (2 * MINUTE, "the unended batch 2")
    # What ended is never asked for again, nor is a stream without a checkpoint.
    assert ended.older_than_ms == foreign.older_than_ms == 5 * MINUTE


def test_nothing_more_expires_of_a_history_that_a_reader_has_lost() -> None:
    for lost in (reader(9), reader(5, first=9)):
        with pytest.raises(HistoryGone, match="acme"):
            expiry(*[DATA] * 5, held=(lost,))
    with pytest.raises(HistoryGone, match="acme"):
        planned(line(DATA, DATA, whole=False), (reader(-1),), {}, LATER, HOUR)


def test_clocks_that_differ_do_not_hide_what_is_needed() -> None:
    told = line(DATA, DATA, DATA)
    # The host that wrote the newest one is an hour behind the others.
    skewed = (replace(told[0], committed_ms=1), *told[1:])

    assert planned(skewed, (reader(2),), {}, LATER, HOUR).older_than_ms == 1


def test_notes_are_read_from_checkpoints_alone(tmp_path: Path) -> None:
    folder = tmp_path / table_at("silver.trades").checkpoint("acme")
    for part in ("offsets", "commits", "sources/0/offsets"):
        (folder / part).mkdir(parents=True)
    (folder / "metadata").write_text(json.dumps({"id": "stream"}))
    for batch, snapshot in enumerate((-1, 7, 8)):
        offset = json.dumps({"snapshot_id": snapshot, "position": 1})
        (folder / "offsets" / str(batch)).write_text(f"v1\n{{}}\n{offset}")
    (folder / "sources/0/offsets/0").write_text('{"snapshot_id":-1,"position":-1}')
    for batch in ("0", "1"):
        (folder / "commits" / batch).write_text("v1")

    (found,) = readers_of(table_at("bronze.trades"), ["acme"], tmp_path)
    (missing,) = readers_of(table_at("bronze.trades"), ["ajax"], tmp_path)

    assert ended_batches(tmp_path) == {"stream": 1}
    assert (found.position, found.first.snapshot_id) == (Position(7, 1), -1)
    assert missing.position == Position()
    assert readers_of(table_at("gold.trades"), ["acme"], tmp_path) == ()


@pytest.mark.spark
def test_a_quiet_writer_a_compaction_and_an_expiry_lose_nothing(lake: Lake) -> None:
    name = table_at("bronze.trades").identifier(lake.exchange)
    for number in range(6):
        lake.arrive(trade(lake.exchange, trade_id=str(number)))
    lake.lane()
    told = upkeep(lake, KEEP_NOTHING, BRONZE)
    assert (told["bronze"]["rewritten_files"], told["bronze"]["into_files"]) == (6, 1)
    assert told["bronze"]["expired_snapshots"] == 5
    # The reader's place is the last append: it does not move on to the compaction.
    assert [e.operation for e in history(lake.spark, name)][-1] == "append"
    assert upkeep(lake, KEEP_NOTHING, BRONZE)["bronze"]["expired_snapshots"] == 0
    lake.arrive(trade(lake.exchange, trade_id="late"))

    silver, gold = lake.lane()

    assert (silver["rows"], gold["inserted"]) == (1, 1)
    assert len(lake.rows("gold.trades")) == 7


@pytest.mark.spark
def test_a_slow_reader_keeps_its_place_and_a_lost_one_is_told_aloud(
    lake: Lake,
) -> None:
    bronze = table_at("bronze.trades").identifier(lake.exchange)
    lake.arrive(trade(lake.exchange, trade_id="0"))
    assert "nothing yet" in upkeep(lake, KEEP_NOTHING, BRONZE)["bronze"]["held_by"]
    lake.refine()
    for number in range(1, 4):
        lake.arrive(trade(lake.exchange, trade_id=str(number)))
    told = upkeep(lake, KEEP_NOTHING, BRONZE)
    assert told["bronze"]["expired_snapshots"] == 0
    assert told["bronze"]["held_by"] == f"silver.trades of {lake.exchange}"
    # Somebody expires by hand, without asking the readers.
    head = history(lake.spark, bronze)[0]
    lake.spark.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{bronze}', older_than => "
        f"{literal(at_ms(head.committed_ms))})"
    )

    failed = upkeep(lake, KEEP_NOTHING, BRONZE)["failed"]

    assert set(failed) == {bronze.split(".")[-1]}
    assert failed[bronze.split(".")[-1]].startswith("HistoryGone: silver.trades of")


@pytest.mark.spark
def test_the_crash_of_a_batch_is_mended_after_an_expiry(lake: Lake) -> None:
    lake.arrive(*[trade(lake.exchange, trade_id=str(n)) for n in range(3)])
    lake.refine()
    with pytest.raises(Exception, match="Crash: between the tables"):
        lake.promote(crash="between the tables")
    # Others go on in the shared table, so that age alone would let the mark go.
    elsewhere = lake.spark.table(lake.name("gold.trades")).limit(1)
    for _ in range(2):
        elsewhere.withColumn("exchange", F.lit("ELSEWHERE")).writeTo(
            lake.name("gold.trades")
        ).append()
    told = upkeep(lake, KEEP_NOTHING, "gold.trades")["gold"]
    assert "the unended batch" in told["held_by"]

    report = lake.promote()

    assert (report["rows"], report["inserted"]) == (3, 3)
    assert len(lake.rows("gold.trades")) == 3


@pytest.mark.spark
def test_marks_of_streams_are_read_with_the_history(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange))
    lake.refine()
    folder = lake.settings.checkpoints / table_at("silver.trades").checkpoint(
        lake.exchange
    )
    checkpoint = Checkpoint(folder)

    (snapshot,) = history(
        lake.spark, table_at("silver.trades").identifier(lake.exchange)
    )

    assert snapshot.stream == checkpoint.query_id
    assert snapshot.batch == checkpoint.last_batch
    age = datetime.now(EPOCH.tzinfo) - EPOCH - timedelta(milliseconds=1)
    assert 0 < age / timedelta(milliseconds=1) - snapshot.committed_ms < 3_600_000
