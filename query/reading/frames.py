"""Answers for the libraries that people count with, as far as they are installed."""

from typing import TYPE_CHECKING

import pyarrow as pa

from query.reading.refused import QueryRefused

if TYPE_CHECKING:
    from pandas import DataFrame
    from polars import DataFrame as PolarsFrame


def to_pandas(table: pa.Table) -> "DataFrame":
    """Return the table for pandas, in Arrow's own types.

    pandas' own types would make nanoseconds of times, and objects of decimals.
    """
    try:
        import pandas
    except ImportError as absent:
        raise not_installed("pandas") from absent
    frame: DataFrame = table.to_pandas(types_mapper=pandas.ArrowDtype)
    return frame


def to_polars(table: pa.Table) -> "PolarsFrame":
    """Return the table for polars."""
    try:
        import polars
    except ImportError as absent:
        raise not_installed("polars") from absent
    frame = polars.from_arrow(table)
    assert isinstance(frame, polars.DataFrame)
    return frame


def not_installed(name: str) -> QueryRefused:
    return QueryRefused(
        f"{name} is not installed in this environment: pip install {name}, or ask for "
        "arrow(...), which needs nothing more"
    )
