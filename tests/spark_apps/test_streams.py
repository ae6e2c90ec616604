"""A reader survives upkeep if it was begun well, and says so aloud if it was not."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession

from schemas.table import CATALOG, table_at
from spark_apps.bootstrap import bootstrap
from spark_apps.checkpoint import BEGINNING, Checkpoint, Position
from spark_apps.registry import RegistryUnreachable, resolved
from spark_apps.streams import (
    HistoryGone,
    NotPrimed,
    Snapshot,
    history,
    newest_data,
    pending,
    prime,
    reader,
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


class Between:
    """Spark, as if a commit came between the two lists of a history, some times."""

    def __init__(self, lake: Lake, name: str, times: int) -> None:
        self.lake, self.times, self.asked = lake, times, 0
        self.list = f"{CATALOG}.{name}.snapshots"
        self.head = history(lake.spark, name)[0].snapshot_id

    def sql(self, text: str) -> DataFrame:
        self.asked += 1
        older = f"(SELECT * FROM {self.list} WHERE snapshot_id <> {self.head})"
        assert self.list in text
        if self.asked <= self.times:
            text = text.replace(self.list, older)
        return self.lake.spark.sql(text)


@pytest.mark.spark
def test_a_commit_while_a_history_is_read_hides_none_of_it(lake: Lake) -> None:
    for number in ("1", "2"):
        lake.arrive(trade(lake.exchange, trade_id=number))
    name = table_at("bronze.trades").identifier(lake.exchange)
    whole = history(lake.spark, name)
    busy = Between(lake, name, times=2)

    assert history(cast(SparkSession, busy), name) == whole
    assert (len(whole), busy.asked) == (2, 3)

    broken = Between(lake, name, times=10**9)
    with pytest.raises(HistoryGone, match="is not among its snapshots"):
        history(cast(SparkSession, broken), name)


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


def read_by_a_stream(lake: Lake, checkpoint: Path) -> list[int]:
    """Return the offsets that a bare stream of bronze finds new, and note its place."""
    found: list[int] = []

    def take(batch: DataFrame, _: int) -> None:
        found.extend(row.offset for row in batch.select("offset").collect())

    name = table_at("bronze.trades").identifier(lake.exchange)
    query = (
        reader(lake.spark, name)
        .writeStream.foreachBatch(take)
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    return sorted(found)


@pytest.mark.spark
def test_a_reader_begun_late_dies_of_the_first_expiry_and_can_be_repaired(
    lake: Lake, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "late"
    lake.arrive(trade(lake.exchange, trade_id="1"))
    lake.arrive(trade(lake.exchange, trade_id="2"))
    read = len(read_by_a_stream(lake, checkpoint))
    forget_the_past(lake, "bronze.trades")
    lake.arrive(trade(lake.exchange, trade_id="3"))

    name = table_at("bronze.trades").identifier(lake.exchange)
    with pytest.raises(StreamingQueryException, match="expired or removed"):
        read_by_a_stream(lake, checkpoint)
    with pytest.raises(NotPrimed, match="begins at a snapshot"):
        prime(lake.spark, name, Checkpoint(checkpoint))
    place = checkpoint / "sources/0/offsets/0"
    place.write_text(BEGINNING)
    place.with_name(".0.crc").unlink()

    assert not prime(lake.spark, name, Checkpoint(checkpoint))
    assert read == 2
    assert len(read_by_a_stream(lake, checkpoint)) == 1


@pytest.mark.spark
def test_a_commit_without_rows_is_history_and_no_work(lake: Lake) -> None:
    bronze = lake.name("bronze.trades")
    lake.spark.sql(f"INSERT INTO {bronze} SELECT * FROM {bronze} WHERE false")

    assert lake.refine()["rows"] == 0

    # Nor may a reader begin behind it: only one begun before it survives its expiry.
    shutil.rmtree(lake.settings.checkpoints / f"silver-{lake.exchange}")
    with pytest.raises(NotPrimed, match="reader begun now"):
        bootstrap(lake.spark, lake.settings)


@pytest.mark.spark
@pytest.mark.parametrize(
    "change",
    [
        "MERGE INTO {table} t USING (SELECT max(offset) AS o FROM {table}) s "
        "ON t.offset = s.o WHEN MATCHED THEN UPDATE SET kafka_key = null",
        "DELETE FROM {table} WHERE offset = (SELECT max(offset) FROM {table})",
    ],
    ids=["upsert", "delete of a row"],
)
def test_whoever_rewrites_rows_under_a_reader_stops_it(lake: Lake, change: str) -> None:
    lake.arrive(trade(lake.exchange, trade_id="1"), trade(lake.exchange, trade_id="2"))
    lake.lane()
    lake.spark.sql(change.format(table=lake.name("bronze.trades")))
    lake.arrive(trade(lake.exchange, trade_id="3"))

    with pytest.raises(StreamingQueryException, match="Cannot process overwrite"):
        lake.refine()

    assert len(lake.rows("silver.trades")) == 2
