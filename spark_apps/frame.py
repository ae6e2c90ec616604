"""Rows that Python holds become a DataFrame."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from schemas.table import Table


def frame_of(
    spark: SparkSession, rows: Sequence[Mapping[str, object]], ddl: str
) -> DataFrame:
    """Return these rows with the columns of a schema string; what lacks is NULL.

    By Arrow and not as a list: of a list a session without Connect makes rows in a
    Python worker, which takes half a second to begin; these are in the plan.

    Raises:
        pyarrow.ArrowException: a value does not fit its column; it is not rounded.
    """
    schema = StructType.fromDDL(ddl)
    assert isinstance(schema, StructType), f"no columns: {ddl}"
    return spark.createDataFrame(
        pa.Table.from_pylist(rows, schema=to_arrow_schema(schema)), schema
    )


def lines_of(spark: SparkSession, table: Table, said: Sequence[Any]) -> DataFrame:
    """Return dataclasses that have a table's columns as its rows, for one file."""
    return frame_of(spark, [asdict(each) for each in said], table.ddl).coalesce(1)
