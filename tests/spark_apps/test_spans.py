"""How much a batch is and when its rows happened."""

from datetime import datetime

import pytest
from pyspark.sql import SparkSession

from spark_apps.frame import frame_of
from spark_apps.spans import Extent, extent_of

pytestmark = pytest.mark.spark


def happened(spark: SparkSession, *times: str) -> Extent:
    rows = [{"timestamp": datetime.fromisoformat(time)} for time in times]
    return extent_of(frame_of(spark, rows, "timestamp timestamp"))


def text(extent: Extent) -> list[tuple[str, str]]:
    return [
        (f"{first:%m-%d %H:%M}", f"{after:%m-%d %H:%M}")
        for first, after in extent.spans
    ]


def test_each_hour_with_rows_counts_and_neighbours_become_one_span(
    spark: SparkSession,
) -> None:
    found = happened(
        spark,
        *("2026-11-22 12:00:59", "2026-11-22 12:30:00", "2026-11-22 12:59:59.999999"),
        *("2026-11-22 13:00:00", "2026-09-01 00:00:00"),
    )

    assert (found.rows, found.hours) == (5, 3)
    assert text(found) == [
        ("08-31 23:59", "09-01 00:02"),
        ("11-22 11:59", "11-22 13:02"),
    ]


def test_a_batch_of_nothing_has_no_extent(spark: SparkSession) -> None:
    assert happened(spark) == Extent(0, 0, ())
