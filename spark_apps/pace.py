"""How Spark runs a piece of work: compiled for many rows, interpreted for a few."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

FEW = 20_000
"""Rows up to which compiling a query costs more than it saves."""
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
"""A lane plans some twenty queries a run. Most have a literal of their own in them, so
that Spark finds none of them in its cache of compiled code, and compiles each anew."""


@contextmanager
def paced(spark: SparkSession, rows: int) -> Iterator[None]:
    """Let the session's queries, and streams begun in here, suit so many rows."""
    if rows > FEW:
        yield
        return
    for key, value in INTERPRETED.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key in INTERPRETED:
            spark.conf.unset(key)
