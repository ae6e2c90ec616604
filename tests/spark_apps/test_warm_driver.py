"""What the lanes' driver keeps of queries that have ended."""

import pytest
from pyspark.sql import SparkSession

from spark_apps.warm_driver import KEPT, connect, forget_after


@pytest.mark.spark
def test_ended_queries_are_kept_for_seconds_and_not_for_an_hour(
    spark: SparkSession,
) -> None:
    cache = connect(spark).streamingSessionManager()
    field = cache.getClass().getDeclaredField(KEPT)
    field.setAccessible(True)
    before = field.get(cache).toSeconds()

    forget_after(spark, cache, 7)

    assert (before, field.get(cache).toSeconds()) == (3600, 7)
