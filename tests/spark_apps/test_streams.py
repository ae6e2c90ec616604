"""A reader survives upkeep if it was begun well, and says so aloud if it was not."""

import shutil
from datetime import UTC, datetime

import pytest

from schemas.table import CATALOG, table_at
from spark_apps.bootstrap import bootstrap
from spark_apps.checkpoint import Checkpoint, Position
from spark_apps.registry import RegistryUnreachable, resolved
from spark_apps.streams import (
    HistoryGone,
    NotPrimed,
    Snapshot,
    history,
    newest_data,
    pending,
)
from tests.spark_apps.lake import Lake, trade

DATA, EMPTY = ("append", 2), ("append", 0)


def line(*said: tuple[str, int], whole: bool = True) -> tuple[Snapshot, ...]:
    """Return a history, the head first: snapshots 1, 2, 3... by their commits."""
    made = [
        Snapshot(n, n - 1 if n > 1 or not whole else None, operation, files)
        for n, (operation, files) in enumerate(said, start=1)
    ]
    return tuple(reversed(made))


def test_only_data_behind_the_reader_is_pending() -> None:
    told = line(DATA, EMPTY, DATA, ("replace", 2), ("delete", 0))

    assert pending(told, Position()) == (3, 1)
    assert pending(told, Position(1, 2)) == (3,)
    assert pending(told, Position(3, 2)) == ()
    assert newest_data(told) == 3


def test_a_snapshot_that_was_read_in_part_is_pending() -> None:
    assert pending(line(DATA, DATA), Position(2, 1)) == (2,)


def test_a_history_that_is_gone_is_not_taken_for_an_empty_one() -> None:
    cut = line(DATA, DATA, whole=False)

    with pytest.raises(HistoryGone):
        pending(cut, Position())
    with pytest.raises(HistoryGone):
        pending(cut, Position(99, 1))
    assert pending((), Position()) == ()


def test_a_registry_that_does_not_answer_is_not_a_verdict_on_a_schema() -> None:
    with pytest.raises(RegistryUnreachable, match="schemas/ids/7"):
        resolved("http://127.0.0.1:9", [7])


@pytest.mark.spark
def test_readers_are_begun_once_and_before_the_first_row(lake: Lake) -> None:
    for name in ("silver", "gold"):
        checkpoint = Checkpoint(lake.settings.checkpoints / f"{name}-{lake.exchange}")
        assert checkpoint.first() == Position(-1, -1)

    again = bootstrap(lake.spark, lake.settings)

    assert again == {"tables_created": 0, "readers_primed": 0}


@pytest.mark.spark
def test_a_reader_is_not_begun_on_a_table_with_history(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange))
    shutil.rmtree(lake.settings.checkpoints / f"silver-{lake.exchange}")

    with pytest.raises(NotPrimed, match="./bullion restore"):
        bootstrap(lake.spark, lake.settings)


def forget_the_past(lake: Lake, address: str) -> None:
    """Expire all snapshots of a table but its head."""
    name = table_at(address).identifier(lake.exchange)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    lake.spark.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{name}', "
        f"older_than => TIMESTAMP '{now}', retain_last => 1)"
    )
    assert len(history(lake.spark, name)) == 1


@pytest.mark.spark
def test_a_primed_reader_lives_on_when_the_first_snapshots_expire(lake: Lake) -> None:
    for number in ("1", "2"):
        lake.arrive(trade(lake.exchange, trade_id=number))
        lake.lane()
    forget_the_past(lake, "bronze.trades")
    forget_the_past(lake, "silver.trades")
    lake.arrive(trade(lake.exchange, trade_id="3"))

    lake.lane()

    rows = lake.rows("gold.trades", "trade_id")
    assert [row.trade_id for row in rows] == ["1", "2", "3"]


@pytest.mark.spark
def test_a_reader_whose_place_expired_stops_aloud(lake: Lake) -> None:
    for number in ("1", "2", "3"):
        lake.arrive(trade(lake.exchange, trade_id=number))
        if number == "1":
            lake.refine()
    forget_the_past(lake, "bronze.trades")

    with pytest.raises(HistoryGone, match="the reader stands at snapshot"):
        lake.refine()


@pytest.mark.spark
def test_retention_and_compaction_between_two_runs_lose_nothing(lake: Lake) -> None:
    bronze = lake.name("bronze.trades")
    lake.arrive(trade(lake.exchange, trade_id="1"))
    lake.lane()
    lake.spark.sql(
        f"DELETE FROM {bronze} WHERE "
        "bronze_ingestion_timestamp < TIMESTAMP '2026-11-23 00:00:00'"
    )
    lake.arrive(trade(lake.exchange, trade_id="2"))
    lake.arrive(trade(lake.exchange, trade_id="3"))
    name = table_at("bronze.trades").identifier(lake.exchange)
    lake.spark.sql(
        f"CALL {CATALOG}.system.rewrite_data_files(table => '{name}', "
        "options => map('rewrite-all', 'true'))"
    )

    report, _ = lake.lane()

    operations = [each.operation for each in history(lake.spark, name)]
    assert operations == ["replace", "append", "append", "delete", "append"]
    assert report["rows"] == 2
    assert len(lake.rows("gold.trades")) == 3
