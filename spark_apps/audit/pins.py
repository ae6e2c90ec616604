"""The snapshots at which an audit reads, so that lanes may go on beside it.

A commit between two reads must not look like a loss. So every table is read at one
snapshot for the whole audit, and these are taken against the way of the trades:

1. how far the streams of gold and silver had come, by their checkpoints;
2. the accounts and candles, which a lane writes last;
3. gold, then silver and the dead letters, then bronze.

What silver held at (1) is in gold at (3), and what gold holds at (3) is in the silver
that was taken after it; the same of bronze and silver. So a row that is missing counts
as lost only if its reader had passed it before the audit began, and a row that is too
much only if its source lacks it later. What candles and accounts still owe is asked
again a minute later (`job.py`): a fault stays, a run under way has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from schemas.table import CATALOG, table_at
from spark_apps.checkpoint import Checkpoint, Position
from spark_apps.settings import Settings
from spark_apps.streams import history

ORDER = (
    "gold.accounting",
    "gold.candles_1d",
    "gold.candles_1h",
    "gold.candles_5m",
    "gold.candles_1m",
    "silver.accounting",
    "gold.ranges",
    "gold.gaps",
    "gold.counts",
    "gold.trades",
    "silver.trades",
    "silver.dead_letters",
    "bronze.trades",
)
"""The tables of one exchange, each before what it is made from."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """One table at one snapshot; none while it has no row."""

    identifier: str
    snapshot_id: int | None

    def rows(self, spark: SparkSession) -> DataFrame:
        """Return the table's rows then."""
        name = f"{CATALOG}.{self.identifier}"
        if self.snapshot_id is None:
            return spark.table(name).where("false")
        return spark.read.option("versionAsOf", self.snapshot_id).table(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What one exchange's audit reads, each table at one snapshot."""

    spark: SparkSession
    exchange: str
    tables: dict[str, Pinned]
    read_by_silver: Pinned
    """Bronze, as far as silver had read it before all else was pinned."""
    read_by_gold: Pinned
    """Silver, as far as gold had."""
    idle: bool
    """Whether no batch of gold was begun or ended while this was pinned."""

    def rows(self, address: str) -> DataFrame:
        """Return a table's rows, of all exchanges if they share it."""
        return self.tables[address].rows(self.spark)

    def mine(self, address: str) -> DataFrame:
        """Return the rows of a shared table that are this exchange's."""
        return self.rows(address).where(f"exchange = '{self.exchange.upper()}'")


def pinned(spark: SparkSession, settings: Settings, exchange: str) -> Pins:
    """Pin an exchange's tables, in the order that makes them comparable."""
    gold = checkpoint("gold.trades", exchange, settings)
    silver = checkpoint("silver.trades", exchange, settings)
    before = state(gold)
    read = {
        "silver.trades": gold.consumed() if gold.exists else Position(),
        "bronze.trades": silver.consumed() if silver.exists else Position(),
    }
    tables = {each: at_head(spark, each, exchange) for each in ORDER}
    return Pins(
        spark=spark,
        exchange=exchange,
        tables=tables,
        read_by_gold=as_read(spark, "silver.trades", exchange, read),
        read_by_silver=as_read(spark, "bronze.trades", exchange, read),
        idle=before == state(gold) and before[0] == before[1],
    )


def checkpoint(address: str, exchange: str, settings: Settings) -> Checkpoint:
    return Checkpoint(settings.checkpoints / table_at(address).checkpoint(exchange))


def state(stream: Checkpoint) -> Sequence[int]:
    """Return the newest batch that was begun, and the newest that was ended."""
    return (stream.newest_batch, stream.last_batch) if stream.exists else (-1, -1)


def at_head(spark: SparkSession, address: str, exchange: str) -> Pinned:
    identifier = table_at(address).identifier(exchange)
    line = history(spark, identifier)
    return Pinned(identifier, line[0].snapshot_id if line else None)


def as_read(
    spark: SparkSession, address: str, exchange: str, read: dict[str, Position]
) -> Pinned:
    """Return a table as far as its reader has read it: whole snapshots only."""
    identifier, at = table_at(address).identifier(exchange), read[address]
    for each in history(spark, identifier):
        if each.snapshot_id == at.snapshot_id:
            whole = at.files >= each.added_files
            return Pinned(identifier, each.snapshot_id if whole else each.parent_id)
    return Pinned(identifier, None)
