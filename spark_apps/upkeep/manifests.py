"""Few manifests: every query and every run of a stream reads all of them."""

from pyspark.sql import SparkSession

from schemas.table import CATALOG

MANY = 8
"""Merging appends leave up to ten; a query over S3 takes some milliseconds for each."""


def count(spark: SparkSession, identifier: str) -> int:
    """Return how many manifests the head of a table has."""
    said = spark.sql(f"SELECT count(*) AS n FROM {CATALOG}.{identifier}.manifests")
    row = said.first()
    assert row is not None
    return int(row.n)


def rewrite(spark: SparkSession, identifier: str) -> None:
    """Write the entries of all manifests anew, by partition and in few files."""
    spark.sql(
        f"CALL {CATALOG}.system.rewrite_manifests("
        f"table => '{identifier}', use_caching => false)"
    ).collect()
