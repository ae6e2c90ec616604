"""A test job: a table is written and read, and each task tells where it ran."""

from pyspark.sql import SparkSession

from schemas.table import CATALOG, NAMESPACE
from spark_apps.lane import Report
from spark_apps.settings import Settings

TABLE = f"{CATALOG}.{NAMESPACE}.cluster_check"
ROWS, TASKS = 100_000, 64
HERE = (
    "concat(java_method('java.net.InetAddress', 'getLocalHost'), ':', "
    "java_method('java.lang.System', 'getProperty', 'user.dir'))"
)
"""Where a task runs: an executor's folder is `<worker>/<application>/<number>`."""


class CheckFailed(Exception):
    """The cluster lost rows of the test job: do not trust it with others."""


def cluster_check(spark: SparkSession, settings: Settings) -> Report:
    """Write and read a table of its own, and return who took part.

    Raises:
        CheckFailed: what was read is not what was written.
    """
    numbers = spark.range(0, ROWS, 1, TASKS)
    try:
        made = numbers.selectExpr("id", f"{HERE} AS written_by")
        made.writeTo(TABLE).using("iceberg").createOrReplace()
        said = told(spark)
    finally:
        spark.sql(f"DROP TABLE IF EXISTS {TABLE} PURGE")
    if (said["rows"], said["sum"]) != (ROWS, ROWS * (ROWS - 1) // 2):
        raise CheckFailed(f"{ROWS} rows were written, and this was read: {said}")
    return said


def told(spark: SparkSession) -> Report:
    """Return how many rows there are, and how many executors and workers had them."""
    row = spark.sql(f"""
        SELECT count(*) AS n, sum(id) AS total, collect_set(written_by) AS writers,
               collect_set(read_by) AS readers
        FROM (SELECT *, {HERE} AS read_by
              FROM (SELECT /*+ REPARTITION({TASKS}) */ * FROM {TABLE}))
        """).first()
    assert row is not None
    return {
        "rows": row.n,
        "sum": row.total,
        "wrote": len(row.writers),
        "read": len(row.readers),
        "workers": len({worker(each) for each in (*row.writers, *row.readers)}),
    }


def worker(place: str) -> str:
    """Return the worker in whose folder an executor runs."""
    return "/".join(place.split("/")[:-2])
