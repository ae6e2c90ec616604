"""A reader gets whole commits, and an answer, whatever upkeep removes under it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from pyarrow import parquet
from pyiceberg.catalog.sql import SqlCatalog

from query.command.files import write
from query.reading.lake import TRIES, Lake
from query.reading.refused import QueryRefused
from query.show import answered
from tests.expectations.tables import append, created, lake
from tests.query.market_days import GOLD, ONE, gold_rows
from tests.query.swept import path_of, rewritten, swept
from tests.query.test_terms import settings_of

NAME = f"market_data.{GOLD}"
EACH = 5
COUNT = f"SELECT count(*) AS rows FROM {GOLD}"
READERS = 4


@pytest.fixture
def catalog(tmp_path: Path) -> SqlCatalog:
    """Gold with two commits of five trades."""
    catalog = lake(tmp_path)
    created(catalog, "gold.trades", "")
    add(catalog, 0)
    add(catalog, 1)
    return catalog


def add(catalog: SqlCatalog, number: int) -> None:
    rows = list(gold_rows(ONE, number * EACH, EACH))
    append(catalog.load_table(NAME), "gold.trades", rows)


@pytest.fixture
def reader(tmp_path: Path, catalog: SqlCatalog) -> Iterator[Lake]:
    """A reader who has resolved the table, at its two commits."""
    with Lake(settings_of(tmp_path), catalog) as opened:
        assert count(opened) == 2 * EACH
        yield opened


def count(lake: Lake) -> int:
    return int(lake.arrow(COUNT).to_pylist()[0]["rows"])


def compacted(catalog: SqlCatalog) -> None:
    """Rewrite the rows, and remove all that the reader knows of."""
    rewritten(catalog.load_table(NAME))
    assert swept(catalog, NAME)


def test_files_removed_before_the_question_are_not_missed(
    reader: Lake, catalog: SqlCatalog
) -> None:
    add(catalog, 2)
    compacted(catalog)

    assert count(reader) == 3 * EACH
    distinct = f"SELECT count(DISTINCT trade_id) FROM {GOLD}"
    assert reader.read(distinct, answered)[1] == [(3 * EACH,)]


def test_files_removed_while_an_answer_is_taken_give_it_whole(
    reader: Lake, catalog: SqlCatalog
) -> None:
    tries = []

    def take(answer: duckdb.DuckDBPyConnection) -> int:
        tries.append(1)
        if len(tries) == 1:
            compacted(catalog)
            # What is asked for last is read from the removed files.
            reader.engine.execute(f"SELECT sum(price) FROM {GOLD}")
        return len(answered(answer)[1])

    assert reader.read(f"SELECT trade_id FROM {GOLD}", take) == 2 * EACH
    assert len(tries) == 2


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_files_removed_while_a_file_is_written_give_it_whole(
    reader: Lake, catalog: SqlCatalog, tmp_path: Path, form: str
) -> None:
    compacted(catalog)
    file = tmp_path / f"rows.{form}"

    text = f"SELECT trade_id, price FROM {GOLD}"
    assert write(reader, text, form, file) == 2 * EACH
    assert len(
        duckdb.read_csv(file) if form == "csv" else parquet.read_table(file)
    ) == (2 * EACH)


def test_a_snapshot_that_is_kept_is_read_on_when_its_metadata_file_goes(
    reader: Lake, catalog: SqlCatalog
) -> None:
    add(catalog, 2)
    assert swept(catalog, NAME, keep=9)

    assert count(reader) == 2 * EACH


def test_a_snapshot_that_was_asked_for_is_never_replaced_by_another(
    tmp_path: Path, catalog: SqlCatalog
) -> None:
    asked = catalog.load_table(NAME).current_snapshot()
    assert asked
    with Lake(settings_of(tmp_path), catalog, as_of=asked.snapshot_id) as old:
        assert count(old) == 2 * EACH
        add(catalog, 2)
        compacted(catalog)

        with pytest.raises(QueryRefused, match="it goes back to"):
            count(old)


def test_a_file_that_is_lost_for_good_is_an_error(
    reader: Lake, catalog: SqlCatalog
) -> None:
    table = catalog.load_table(NAME)
    for task in table.scan().plan_files():
        path_of(task.file.file_path).unlink()

    with pytest.raises(QueryRefused, match="No such file"):
        reader.arrow(f"SELECT sum(price) FROM {GOLD}")


def test_readers_beside_a_writer_and_upkeep_see_whole_commits_and_never_fail(
    tmp_path: Path, catalog: SqlCatalog
) -> None:
    over = threading.Event()
    seen: list[int] = []
    failed: list[Exception] = []

    def read() -> None:
        with Lake(settings_of(tmp_path), catalog) as opened:
            while not over.is_set():
                try:
                    # One reader each time anew would seldom be late enough.
                    seen.append(count(opened))
                except QueryRefused as refused:
                    failed.append(refused)

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for each in readers:
        each.start()
    for number in range(2, 10):
        add(catalog, number)
        compacted(catalog)
    over.set()
    for each in readers:
        each.join()

    assert failed == []
    assert len(set(seen)) > TRIES / 2
    assert {rows % EACH for rows in seen} == {0}
