"""A few rows are not worth compiling for; many are."""

import pytest
from pyspark.sql import SparkSession

from spark_apps.pace import FEW, INTERPRETED, paced

pytestmark = pytest.mark.spark
JOB = "SELECT id % 7 AS k, count(*) FROM range(100) WHERE id > {} GROUP BY k"


def is_compiled(spark: SparkSession, above: int) -> bool:
    rows = spark.sql(JOB.format(above))
    rows.collect()
    plan = rows._jdf.queryExecution().executedPlan().toString()
    return "WholeStageCodegen" in plan or "*(" in plan


def test_few_rows_are_interpreted_and_many_compiled(spark: SparkSession) -> None:
    with paced(spark, FEW):
        assert not is_compiled(spark, 1)
    with paced(spark, FEW + 1):
        assert is_compiled(spark, 2)


def test_the_session_is_left_as_it_was_also_by_a_failure(spark: SparkSession) -> None:
    before = [spark.conf.get(key) for key in INTERPRETED]

    with pytest.raises(LookupError), paced(spark, 1):
        raise LookupError

    assert [spark.conf.get(key) for key in INTERPRETED] == before
