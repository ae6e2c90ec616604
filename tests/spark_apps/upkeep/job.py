"""Upkeep of a test's lake, its report by layer, and times that a test may set."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from schemas.table import all_tables, table_at
from spark_apps.upkeep import job
from spark_apps.upkeep.keep import Keep
from spark_apps.upkeep.table_upkeep import Kept
from tests.spark_apps.lake import Lake

KEEP = Keep.read({})
KEEP_NOTHING = replace(
    KEEP,
    bronze_snapshots=timedelta(),
    snapshots=timedelta(),
    # Retention would be about to drop what these tests write of their fixed day.
    rows={table.address: None for table in all_tables()},
)
"""Age keeps no snapshot, so that whatever stays is needed by somebody."""


def kept(lake: Lake, address: str, keep: Keep = KEEP) -> Kept:
    """Return one table of the lake as the jobs see it."""
    (found,) = job.tables(lake.spark, lake.settings, keep, [address])
    return found


def by_layer(lake: Lake, told: dict[str, Any]) -> dict[str, Any]:
    """Return what was said of the trades of each layer, and what failed."""
    tables = {
        layer: table_at(f"{layer}.trades").identifier(lake.exchange).split(".")[-1]
        for layer in ("bronze", "silver", "gold")
    }
    said = {layer: told["tables"].get(name) for layer, name in tables.items()}
    return {**told["tables"], **said, "failed": told.get("failed", {})}


def upkeep(lake: Lake, keep: Keep = KEEP, *addresses: str) -> dict[str, Any]:
    told = job.upkeep(lake.spark, lake.settings, keep, addresses)
    return by_layer(lake, told)
