"""Rows are judged by rules that `expectations` holds as data."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.rule import Rule, given
from spark_apps.once import once


def failure(error_type: str, error_reason: str) -> Column:
    """Return one broken rule, as the struct that `failures` consists of."""
    return F.struct(
        F.lit(error_type).alias("error_type"), F.lit(error_reason).alias("error_reason")
    )


def judged(rows: DataFrame, asked: Sequence[Rule]) -> DataFrame:
    """Return the rows with `is_sound`: whether all rules hold; never NULL.

    Beside it is what the rules were given, for `failures`, by which a row that is not
    sound tells why. Few are asked that, and it costs more than all the rest.
    """
    for name, sql in given(asked).items():
        rows = rows.withColumn(name, once(F.expr(sql)))
    verdicts = " AND ".join(f"({rule.verdict})" for rule in asked)
    return rows.withColumn("is_sound", once(F.expr(verdicts)))


def failures(asked: Sequence[Rule], unreadable: Column) -> Column:
    """Return which rules a row broke, an array of struct(error_type, error_reason).

    It is in the order of the rules, and empty for a row that broke none. A row with an
    `unreadable` failure has that one only: what cannot be read keeps no rule.
    """
    broken = F.array_compact(
        F.array(
            *(
                F.when(
                    ~F.expr(rule.verdict), failure(rule.error_type, rule.error_reason)
                )
                for rule in asked
            )
        )
    )
    return F.when(unreadable.isNotNull(), F.array(unreadable)).otherwise(broken)
