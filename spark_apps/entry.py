"""Rows of a small table of notes: new ones, or in the place of what was said before."""

from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from schemas.table import CATALOG, Table
from spark_apps.frame import lines_of
from spark_apps.marks import saying
from spark_apps.settings import Settings


def enter(
    table: Table, said: Sequence[Any], spark: SparkSession, settings: Settings
) -> None:
    """Write these rows of a table, each a dataclass with the table's columns."""
    if not said:
        return
    rows = lines_of(spark, table, said)
    target = f"{CATALOG}.{table.identifier()}"
    on = " AND ".join(f"{target}.{name} = s.{name}" for name in table.key)
    values = [c.name for c in table.columns if c.name not in table.key]
    with saying(spark, settings.airflow):
        (
            rows.alias("s")
            .mergeInto(target, F.expr(on))
            .whenMatched()
            .update({name: F.col(f"s.{name}") for name in values})
            .whenNotMatched()
            .insertAll()
            .merge()
        )
