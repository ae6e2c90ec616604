"""Tables are read as they were at a time or a snapshot, or it is said why not."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from query.reading.lake import Lake
from query.reading.refused import QueryRefused
from query.settings import Settings
from schemas.table import all_exchanges
from tests.expectations.tables import append
from tests.query.market_days import GOLD, HOUR, ONE, commit, gold_rows, market
from tests.query.test_terms import settings_of

SILVER = f"silver_{ONE}_trades"


class Story:
    """A lake with three commits to gold, and the times between them."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = settings_of(folder)
        self.catalog: SqlCatalog = market(folder)
        self.before = now()
        self.snapshots, self.times = [], []
        for first in range(3):
            self.snapshots.append(commit(self.catalog, [*gold_rows(ONE, first, 1)]))
            self.times.append(now())

    def count(self, text: str, as_of: datetime | str | int | None = None) -> int:
        with Lake(self.settings, self.catalog, as_of=as_of) as lake:
            return int(lake.arrow(f"SELECT count(*) AS n {text}").to_pylist()[0]["n"])


def now() -> datetime:
    # A snapshot's time has milliseconds.
    time.sleep(0.005)
    moment = datetime.now(UTC)
    time.sleep(0.005)
    return moment


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    yield Story(tmp_path_factory.mktemp("lake"))


def test_a_lake_as_of_a_time_has_what_was_committed_by_then(story: Story) -> None:
    for number, moment in enumerate(story.times, 1):
        assert story.count(f"FROM {GOLD}", moment) == number
        assert story.count(f"FROM {GOLD}", moment.isoformat()) == number
    # Terms are of the same time.
    assert story.count(f"FROM vwap('{HOUR}', now())", story.before) == 0
    assert story.count(f"FROM vwap('{HOUR}', now())", story.times[0]) == 1
    assert story.count("FROM vendor_trades", story.times[1]) == 2


def test_a_snapshot_stands_for_its_table_and_the_time_of_its_commit(
    story: Story,
) -> None:
    assert story.count(f"FROM {GOLD}", story.snapshots[1]) == 2
    assert story.count(f"FROM {GOLD}", str(story.snapshots[1])) == 2
    # The candles of a batch are committed before its trades here.
    assert story.count("FROM gold_crypto_candles_1m", story.snapshots[1]) == 2


def test_one_query_may_compare_two_times(story: Story) -> None:
    first, last = story.times[0], story.snapshots[2]
    text = (
        f"FROM {GOLD} AT (VERSION => {last}) AS late WHERE message_id NOT IN "
        f"(SELECT message_id FROM {GOLD} at (timestamp => timestamptz '{first}'))"
    )
    assert story.count(text) == 2
    union = f"FROM bronze_crypto_trades AT (TIMESTAMP => '{first}')"
    assert story.count(union) == 0


def test_before_its_first_commit_a_table_had_no_row(story: Story) -> None:
    assert story.count(f"FROM {GOLD}", story.before) == 0


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        ("yesterdy", "'yesterdy' is no time: write it as 2026-11-05"),
        ("2999-01-01", "yet to come"),
        (123456789, "no table has a snapshot 123456789"),
    ],
)
def test_what_is_no_time_is_refused(story: Story, as_of: str | int, said: str) -> None:
    with pytest.raises(QueryRefused, match=said):
        story.count(f"FROM {GOLD}", as_of)


def test_a_union_has_no_snapshot_and_a_name_none(story: Story) -> None:
    with pytest.raises(QueryRefused, match="no snapshots of its own: name a time"):
        story.count("FROM bronze_crypto_trades AT (VERSION => 12)")
    with pytest.raises(QueryRefused, match="its id is a number"):
        story.count(f"FROM {GOLD} AT (VERSION => 'newest')")


def test_a_time_that_upkeep_has_removed_says_how_far_back_the_table_goes(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path)
    gone = story.snapshots[0]
    table = story.catalog.load_table(f"market_data.{GOLD}")
    table.maintenance.expire_snapshots().by_id(gone).commit()

    with pytest.raises(QueryRefused) as refused:
        story.count(f"FROM {GOLD}", story.times[0])
    assert f"{GOLD} goes back to " in str(refused.value)
    assert str(story.snapshots[1]) in str(refused.value)
    with pytest.raises(QueryRefused, match=f"no snapshot {gone}: it goes back to"):
        story.count(f"FROM {GOLD} AT (VERSION => {gone})")
    assert story.count(f"FROM {GOLD}", story.times[1]) == 2


def test_a_day_written_in_digits_is_a_day(story: Story) -> None:
    day = story.before - timedelta(days=1)

    assert story.count(f"FROM {GOLD}", f"{day:%Y%m%d}") == 0


def test_silver_of_then_lies_beside_gold_of_then(story: Story) -> None:
    assert ONE in all_exchanges()
    table = story.catalog.load_table(f"market_data.{SILVER}")
    late = [{**row, "kafka_offset": 7} for row in gold_rows(ONE, 9, 1)]
    append(table, "silver.trades", late)

    assert story.count(f"FROM {SILVER}", story.times[2]) == 0
    assert story.count(f"FROM {SILVER}") == 1
