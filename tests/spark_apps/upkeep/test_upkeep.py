"""Upkeep beside live streams: nothing lost, nothing doubled, and tables stay small."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from schemas.table import table_at
from spark_apps.jobs import turn_of
from spark_apps.run import arguments, told_of
from spark_apps.streams import history, reader
from spark_apps.upkeep import job
from spark_apps.upkeep.manifests import MANY
from spark_apps.upkeep.table_upkeep import TRIES, again, retain
from tests.spark_apps.lake import NOON, Lake, trade
from tests.spark_apps.upkeep.job import KEEP, KEEP_NOTHING, kept, upkeep

FOR_SILVER = ("silver.trades",)
TRADES = ("bronze.trades", "silver.trades", "gold.trades", "gold.candles_1m")


@pytest.mark.parametrize("words", [["upkeep"], ["retention"], ["orphans", "--delete"]])
def test_no_two_jobs_of_upkeep_have_a_turn_at_once(words: list[str]) -> None:
    asked = arguments().parse_args([*words, "gold.trades"])

    assert turn_of(asked) == "upkeep"
    assert asked.tables == ["gold.trades"]


def test_orphans_are_deleted_only_on_demand() -> None:
    assert arguments().parse_args(["orphans"]).delete is False


def test_what_failed_is_said_and_is_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told_of({"tables": {}}) == 0
    assert told_of({"tables": {}, "failed": {"acme": "HistoryGone: 7"}}) == 1
    assert "acme: HistoryGone: 7" in capsys.readouterr().err


def test_what_meets_another_commit_is_tried_again_but_not_for_ever() -> None:
    tried: list[int] = []

    def unlucky(times: int) -> Callable[[], None]:
        def act() -> None:
            tried.append(1)
            if len(tried) <= times:
                raise PySparkException("Manifest is missing")

        return act

    again(unlucky(TRIES - 1))
    assert len(tried) == TRIES
    tried.clear()
    with pytest.raises(PySparkException):
        again(unlucky(TRIES))


@pytest.mark.spark
def test_a_table_nobody_knows_is_named_and_one_not_made_is_passed_over(
    lake: Lake,
) -> None:
    with pytest.raises(LookupError, match="silver.trade"):
        upkeep(lake, KEEP, "silver.trade")
    lake.spark.sql(f"DROP TABLE {lake.name('gold.candles_1m')}")

    told = upkeep(lake)

    assert "gold_crypto_trades" in told and "gold_crypto_candles_1m" not in told
    assert told["failed"] == {}


@pytest.mark.spark
def test_the_trouble_of_one_table_is_not_that_of_the_others(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange))
    lake.lane()
    row = lake.spark.table(f"{lake.name('silver.trades')}.all_manifests").first()
    assert row
    Path(row.path.removeprefix("file:")).unlink()

    told = upkeep(lake, KEEP_NOTHING)

    assert list(told["failed"]) == [f"silver_{lake.exchange}_trades"]
    assert told["bronze"] and told["gold"] and not told["silver"]


@pytest.mark.spark
def test_after_many_commits_a_table_is_small_again(lake: Lake) -> None:
    name = table_at("bronze.trades").identifier(lake.exchange)
    lake.arrive(trade(lake.exchange))
    lake.refine()
    rows = lake.spark.table(lake.name("bronze.trades")).localCheckpoint()
    for _ in range(60):
        rows.writeTo(lake.name("bronze.trades")).append()
    lake.refine()
    before = metadata(lake, name)

    told = upkeep(lake, KEEP_NOTHING, "bronze.trades")["bronze"]

    assert (told["rewritten_files"], told["into_files"]) == (61, 1)
    assert told["manifests"] <= MANY
    assert told["expired_snapshots"] >= 60
    assert len(history(lake.spark, name)) == told["snapshots"] <= 3
    after = metadata(lake, name)
    assert after[-1] < 10_000 and after[-1] < before[-1] / 2
    # A commit leaves its metadata behind: no more than 20 of them are kept.
    assert len(after) <= 21
    assert lake.spark.table(lake.name("bronze.trades")).count() == 61
    # The newest append holds its files until another one takes its place.
    lake.arrive(trade(lake.exchange))
    lake.refine()
    later = upkeep(lake, KEEP_NOTHING, "bronze.trades")["bronze"]
    assert later["deleted_files"] == 61
    assert later["snapshots"] <= 3


@pytest.mark.spark
def test_many_manifests_of_few_files_become_few(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange))
    lake.lane()
    gold = lake.name("gold.trades")
    rows = lake.spark.table(gold).localCheckpoint()
    for hour in range(MANY):
        moment = F.lit(NOON.replace(hour=hour))
        rows.withColumn("timestamp", moment).writeTo(gold).append()

    told = upkeep(lake, KEEP_NOTHING, "gold.trades")["gold"]

    # A file an hour is no work for compaction.
    assert told["rewritten_files"] == 0
    assert told["manifests_before"] == MANY + 1
    assert told["manifests"] <= 2
    assert len(lake.rows("gold.trades")) == MANY + 1


def metadata(lake: Lake, identifier: str) -> list[int]:
    """Return the sizes of a table's metadata files, the newest last."""
    warehouse = lake.spark.conf.get("spark.sql.catalog.lake.warehouse")
    assert warehouse
    folder = Path(warehouse.removeprefix("file://")) / identifier.replace(".", "/")
    found = sorted(
        (folder / "metadata").glob("v*.metadata.json"),
        key=lambda file: int(file.name[1:].split(".")[0]),
    )
    return [file.stat().st_size for file in found]


@pytest.mark.spark
def test_a_running_stream_survives_all_of_it(lake: Lake) -> None:
    """The stream that reads silver runs on, in the place of gold's lane."""
    silver = table_at("silver.trades").identifier(lake.exchange)
    checkpoint = table_at("gold.trades").checkpoint(lake.exchange)
    seen: list[str] = []

    def note(batch: DataFrame, batch_id: int) -> None:
        seen.extend(row.trade_id for row in batch.collect())

    query = (
        reader(lake.spark, silver)
        .writeStream.foreachBatch(note)
        .option("checkpointLocation", str(lake.settings.checkpoints / checkpoint))
        .trigger(processingTime="100 milliseconds")
        .start()
    )
    try:
        for number in range(4):
            lake.arrive(
                trade(lake.exchange, trade_id=f"{number}"),
                trade(
                    lake.exchange,
                    trade_id=f"{number}-old",
                    timestamp=NOON - timedelta(days=40),
                ),
            )
            lake.refine()
            until(lambda: len(seen) == 2 * (number + 1) or not query.isActive)
            retained = retain(
                lake.spark.newSession(), kept(lake, *FOR_SILVER), NOON + timedelta(1)
            )
            told = upkeep(lake, KEEP_NOTHING, "bronze.trades", *FOR_SILVER)
            assert (retained["dropped_partitions"], told["failed"]) == (1, {})
        assert query.exception() is None and query.isActive
        assert sorted(seen) == sorted(
            f"{number}{age}" for number in range(4) for age in ("", "-old")
        )
        operations = {each.operation for each in history(lake.spark, silver)}
        assert "delete" in operations
    finally:
        query.stop()


def until(holds: Callable[[], bool]) -> None:
    """Return once it holds; the bound is there so that a test ends."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it never held")


@pytest.mark.spark
def test_lanes_and_upkeep_side_by_side_lose_and_double_nothing(lake: Lake) -> None:
    """Sessions of their own, as on the server: settings of one are not the other's."""
    apart = lake.spark.newSession()
    ended = threading.Event()

    def tidy() -> dict[str, str]:
        failures: dict[str, str] = {}
        while not ended.is_set():
            now = datetime.now(UTC)
            eager = replace(KEEP_NOTHING, rows={**KEEP.rows, "gold.trades": None})
            for keep in (KEEP_NOTHING, eager):
                told = job.upkeep(apart, lake.settings, keep, TRADES)
                failures.update(cast(dict[str, str], told.get("failed", {})))
            for layer in ("bronze", "silver"):
                old = now + timedelta(days=9)
                retain(apart, kept(lake, f"{layer}.trades"), old)
        return failures

    with ThreadPoolExecutor(1) as beside:
        tidying = beside.submit(tidy)
        try:
            for number in range(4):
                lake.arrive(trade(lake.exchange, trade_id=str(number)))
                lake.lane()
        finally:
            ended.set()

    assert tidying.result() == {}
    held = lake.rows("gold.trades", "trade_id")
    assert [row.trade_id for row in held] == [str(number) for number in range(4)]
    assert {row.trade_count for row in lake.rows("gold.candles_1m", "symbol")} == {4}
