"""What a dead writer left is found, listed first, and deleted only when asked."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_apps.upkeep import orphans
from spark_apps.upkeep.orphans import AgeRefused, Orphans, TooManyOrphans
from tests.spark_apps.lake import Lake, trade
from tests.spark_apps.upkeep.job import kept

pytestmark = pytest.mark.spark
AGE = timedelta(days=3)


def data_folder(lake: Lake) -> Path:
    row = lake.spark.table(f"{lake.name('bronze.trades')}.files").first()
    assert row
    return Path(row.file_path.removeprefix("file:")).parent


def leave(folder: Path, name: str, age: timedelta) -> Path:
    """Leave a file as a writer does that died so long ago."""
    file = folder / name
    file.write_bytes(b"PAR1")
    then = time.time() - age.total_seconds()
    os.utime(file, (then, then))
    return file


def sweep(lake: Lake, age: timedelta = AGE, delete: bool = False) -> Orphans:
    return orphans.sweep(
        lake.spark,
        kept(lake, "bronze.trades").identifier,
        age,
        datetime.now(UTC),
        delete,
    )


def test_orphans_are_listed_and_then_deleted_if_they_are_old(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange))
    folder = data_folder(lake)
    old = leave(folder, "old.parquet", timedelta(days=4))
    young = leave(folder, "young.parquet", timedelta(days=2))

    listed = sweep(lake)
    assert (listed.found, listed.deleted) == (1, False)
    assert listed.some[0].endswith("old.parquet")
    assert old.exists()

    assert sweep(lake, delete=True).deleted
    assert not old.exists() and young.exists()
    assert sweep(lake).found == 0
    assert lake.lane()[0]["rows"] == 1


def test_a_young_age_is_refused(lake: Lake) -> None:
    with pytest.raises(AgeRefused, match="3 days"):
        sweep(lake, age=timedelta(days=2, hours=23))


def test_more_orphans_than_files_are_no_orphans(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange))
    left = [
        leave(data_folder(lake), f"{number}.parquet", timedelta(days=9))
        for number in range(101)
    ]

    with pytest.raises(TooManyOrphans, match="101 orphans beside 1 files"):
        sweep(lake, delete=True)

    assert all(file.exists() for file in left)
