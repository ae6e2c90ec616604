"""What the lanes' driver keeps of queries that have ended."""

import time

import pytest
from pyspark.sql import SparkSession

from spark_apps.warm_driver import (
    KEPT,
    MONITOR,
    connect,
    end_monitors,
    forget_after,
    ignoring,
    java,
    threads,
)


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


def monitors(spark: SparkSession) -> set[str]:
    names = {each.getName() for each in threads(spark)}
    return {name for name in names if name.startswith(MONITOR)}


@pytest.mark.spark
def test_monitors_of_no_workers_end_without_a_word(spark: SparkSession) -> None:
    jvm = java(spark)
    before, said = jvm.java.lang.System.err, jvm.java.io.ByteArrayOutputStream()
    package = jvm.org.apache.spark.api.python
    no_variables = jvm.org.apache.spark.api.python.PythonUtils.toScalaMap({})
    for name, daemon in (("alone", False), ("of a daemon", True)):
        package.PythonWorkerFactory(name, "worker", "daemon", no_variables, daemon)
    alone, kept = (f"{MONITOR}{n}" for n in ("alone", "of a daemon"))
    assert {alone, kept} <= monitors(spark)

    jvm.java.lang.System.setErr(jvm.java.io.PrintStream(said, True))
    try:
        assert end_monitors(spark, ignoring(spark)) >= 1
        until = time.monotonic() + 30
        while alone in monitors(spark) and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        jvm.java.lang.System.setErr(before)

    assert alone not in monitors(spark)
    assert kept in monitors(spark)
    assert said.toString() == ""
