"""A stream that failed is begun again beside the others, but not for ever."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from spark_apps.continuous import TRIES, keep

pytestmark = pytest.mark.spark


class Enough(Exception):
    """What this test waited for has happened."""


@pytest.fixture
def begun(spark: SparkSession) -> Iterator[list[str]]:
    """The names of the streams in the order in which they were begun."""
    yield []
    for query in spark.streams.active:
        query.stop()
    spark.streams.resetTerminated()


def stream(
    spark: SparkSession, folder: Path, land: Callable[[DataFrame, int], None]
) -> StreamingQuery:
    rows = spark.readStream.format("rate").option("rowsPerSecond", 50).load()
    return (
        rows.writeStream.foreachBatch(land)
        .option("checkpointLocation", str(folder))
        .trigger(processingTime="200 milliseconds")
        .start()
    )


def test_a_stream_that_failed_once_is_begun_again_and_the_others_run_on(
    spark: SparkSession, tmp_path: Path, begun: list[str]
) -> None:
    tries = count(1)

    def weak(batch: DataFrame, batch_id: int) -> None:
        if next(tries) == 1:
            raise RuntimeError("a moment of weakness")

    def begin(name: str, land: Any) -> StreamingQuery:
        begun.append(name)
        if begun.count("weak") > 1:
            raise Enough
        return stream(spark, tmp_path / name, land)

    with pytest.raises(Enough):
        keep(
            spark,
            {
                "strong": lambda: begin("strong", lambda batch, batch_id: None),
                "weak": lambda: begin("weak", weak),
            },
        )

    assert begun == ["strong", "weak", "weak"]
    assert len(spark.streams.active) == 1


def test_a_stream_that_never_ends_a_batch_ends_the_driver(
    spark: SparkSession, tmp_path: Path, begun: list[str]
) -> None:
    def broken(batch: DataFrame, batch_id: int) -> None:
        raise RuntimeError("for good")

    def begin() -> StreamingQuery:
        begun.append("broken")
        return stream(spark, tmp_path, broken)

    with pytest.raises(StreamingQueryException, match="for good"):
        keep(spark, {"broken": begin})

    assert len(begun) == TRIES
