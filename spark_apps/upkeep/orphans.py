"""Files that no snapshot knows: what writers that died left behind."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import SparkSession

from schemas.table import CATALOG
from spark_apps.upkeep.utc import literal

LEAST_AGE = timedelta(days=3)
"""A younger file may belong to a commit, or a long compaction, still under way."""


class AgeRefused(Exception):
    """So young an orphan may be no orphan."""


class TooManyOrphans(Exception):
    """More orphans than files: more likely paths are compared wrongly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """What was found of a table, and whether it is gone."""

    found: int
    some: tuple[str, ...]
    deleted: bool


def sweep(
    spark: SparkSession,
    identifier: str,
    age: timedelta,
    now: datetime,
    delete: bool = False,
) -> Orphans:
    """Return the orphans of a table; delete them only if asked to.

    They are listed first in any case.

    Raises:
        AgeRefused: `age` is below LEAST_AGE.
        TooManyOrphans: half of all files would go; nothing was deleted.
    """
    if age < LEAST_AGE:
        raise AgeRefused(f"orphans must be {LEAST_AGE.days} days old, not {age}")
    found = _remove(spark, identifier, now - age, dry_run=True)
    if delete and found:
        row = spark.sql(
            f"SELECT count(*) AS n FROM {CATALOG}.{identifier}.all_files"
        ).first()
        assert row is not None
        if len(found) > max(row.n, 100):
            raise TooManyOrphans(
                f"{len(found)} orphans beside {row.n} files of {identifier}, such as "
                f"{found[0]}: look at them before you delete them by hand"
            )
        found = _remove(spark, identifier, now - age, dry_run=False)
    return Orphans(found=len(found), some=found[:10], deleted=delete and bool(found))


def _remove(
    spark: SparkSession, identifier: str, older_than: datetime, dry_run: bool
) -> tuple[str, ...]:
    # Objects are listed through the table's own FileIO: no Hadoop knows the store.
    rows = spark.sql(f"""
        CALL {CATALOG}.system.remove_orphan_files(
          table => '{identifier}',
          older_than => {literal(older_than)},
          dry_run => {str(dry_run).lower()},
          equal_schemes => map('s3a,s3n', 's3'),
          prefix_listing => true)
        """).collect()
    return tuple(sorted(row.orphan_file_location for row in rows))
