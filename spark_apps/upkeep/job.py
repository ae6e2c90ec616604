"""The jobs: tables one after the other, one's trouble never another's."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from schemas.table import CATALOG, NAMESPACE, all_tables, table_at
from spark_apps.settings import Settings
from spark_apps.streams import HistoryGone
from spark_apps.upkeep.keep import Keep
from spark_apps.upkeep.orphans import TooManyOrphans
from spark_apps.upkeep.retention import FilesCut
from spark_apps.upkeep.table_upkeep import Kept, first_line, maintain, retain, sweep
from spark_apps.upkeep.utc import require_utc

log = logging.getLogger(__name__)
Told = dict[str, object]
Act = Callable[[Kept, datetime], Mapping[str, object]]
TROUBLE = (FilesCut, HistoryGone, Py4JError, PySparkException, TooManyOrphans)
"""What may befall one table and leaves the others as they are."""


def upkeep(
    spark: SparkSession, settings: Settings, keep: Keep, addresses: Sequence[str]
) -> Told:
    """Compact tables, rewrite their manifests, expire snapshots; return the report."""
    return _each(spark, settings, keep, addresses, partial(maintain, spark))


def retention(
    spark: SparkSession, settings: Settings, keep: Keep, addresses: Sequence[str]
) -> Told:
    """Drop whole partitions that are older than their tables keep."""
    return _each(spark, settings, keep, addresses, partial(retain, spark))


def orphans(
    spark: SparkSession,
    settings: Settings,
    keep: Keep,
    addresses: Sequence[str],
    delete: bool = False,
) -> Told:
    """List the files that no snapshot knows, or delete them."""
    return _each(
        spark,
        settings,
        keep,
        addresses,
        lambda kept, now: sweep(spark, kept, now, delete),
    )


def tables(
    spark: SparkSession, settings: Settings, keep: Keep, addresses: Sequence[str]
) -> list[Kept]:
    """Return the tables at these addresses that the catalog has; all if none is named.

    Raises:
        LookupError: there is no such address.
    """
    asked = [table_at(address) for address in addresses] or list(all_tables())
    there = {
        f"{NAMESPACE}.{row.tableName}"
        for row in spark.sql(f"SHOW TABLES IN {CATALOG}.{NAMESPACE}").collect()
    }
    return [
        Kept(
            table=table,
            identifier=table.identifier(exchange),
            exchanges=(exchange,) if exchange else settings.exchanges,
            checkpoints=settings.checkpoints,
            keep=keep,
        )
        for table in asked
        for exchange in (settings.exchanges if table.per_exchange else ("",))
        if table.identifier(exchange) in there
    ]


def _each(
    spark: SparkSession,
    settings: Settings,
    keep: Keep,
    addresses: Sequence[str],
    act: Act,
) -> Told:
    """Return what was done to each table, and what failed, by the table's name."""
    require_utc(spark)
    done: Told = {}
    failed: dict[str, str] = {}
    for kept in tables(spark, settings, keep, addresses):
        name = kept.identifier.removeprefix(f"{NAMESPACE}.")
        began = time.monotonic()
        try:
            done[name] = {
                **act(kept, datetime.now(UTC)),
                "seconds": round(time.monotonic() - began, 1),
            }
        except TROUBLE as error:
            failed[name] = f"{type(error).__name__}: {first_line(error)}"
            log.warning("%s: %s", name, failed[name])
    return {"tables": done, **({"failed": failed} if failed else {})}
