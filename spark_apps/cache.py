"""Rows that are needed twice are kept in memory, and let go afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame


@contextmanager
def cached(made: Callable[[], DataFrame]) -> Iterator[DataFrame]:
    """Keep rows in memory for a while; `made` says anew what they are.

    Spark 4.1 makes a cached plan anew at each commit to a table that it reads, whoever
    commits. What was cached is then found by what it would be now, and not by what it
    was: it would stay for ever, and ask its tables again at each later commit.
    """
    rows = made().persist()
    try:
        yield rows
    finally:
        rows.unpersist()
        made().unpersist()
