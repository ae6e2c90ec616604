"""How Spark runs a piece of work: compiled for many rows, interpreted for a few."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import SparkSession

FEW = 20_000
"""Rows up to which compiling a query costs more than it saves."""
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.iceberg.vectorization.enabled": "false",
}
"""A lane plans some twenty queries a run. Most have a literal of their own in them, so
that Spark finds none of them in its cache of compiled code, and compiles each anew.
Nor are files read by columns: Iceberg keeps a part of each such reader for as long as
the driver lives (its issue 13937)."""
COMPILED = {
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.iceberg.vectorization.enabled": "true",
}
"""As Spark has it by default."""


@contextmanager
def paced(spark: SparkSession, rows: int) -> Iterator[None]:
    """Let the session's queries, and streams begun in here, suit so many rows."""
    # Both are said: a run that was killed may have left the session another one's.
    asked = INTERPRETED if rows <= FEW else COMPILED
    # Unset, a key has Spark's default, and not what the driver was begun with.
    before = {key: str(spark.conf.get(key)) for key in asked}
    try:
        tell(spark, asked)
        yield
    finally:
        tell(spark, before)


def tell(spark: SparkSession, settings: Mapping[str, str]) -> None:
    """Set what the session's queries go by."""
    for key, value in settings.items():
        spark.conf.set(key, value)
