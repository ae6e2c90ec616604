"""What went into a batch and what came out of it: checked, and kept for who asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from schemas.table import CATALOG, table_at
from spark_apps.app import Run
from spark_apps.frame import lines_of
from spark_apps.marks import Landed, Mark, put_once


class RowsLost(Exception):
    """A batch does not add up: nothing may build on it before a person has looked."""


@dataclass(frozen=True, slots=True)
class Share:
    """The messages of one Kafka partition: how many, and exactly which."""

    rows: int
    first: int
    last: int
    mixed: int
    """Exclusive or over a hash of each offset: another set has another one."""
    schema_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A row of `silver.accounting`."""

    exchange: str
    run_at: datetime
    query_id: str
    batch_id: int
    kafka_topic: str
    kafka_partition: int
    first_offset: int
    last_offset: int
    bronze_rows: int
    silver_rows: int
    dead_letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """A row of `gold.accounting`."""

    exchange: str
    run_at: datetime
    query_id: str
    batch_id: int
    silver_rows: int
    inserted: int
    duplicates: int
    conflicts: int
    refused: int

    @classmethod
    def of(cls, run: Run, mark: Mark, figures: Mapping[str, int], refused: int) -> Self:
        return cls(
            exchange=run.exchange.upper(),
            run_at=run.started_at,
            query_id=mark.query_id,
            batch_id=mark.batch_id,
            silver_rows=figures["rows"] + refused,
            inserted=figures["inserted"],
            duplicates=figures["duplicates"],
            conflicts=figures["conflicts"],
            refused=refused,
        )


Shares = Mapping[tuple[str, int], Share]
"""By topic and partition."""


def shares(rows: DataFrame, topic: str, partition: str, offset: str) -> Shares:
    """Return which messages these rows came from."""
    told = rows.groupBy(topic, partition).agg(
        F.count("*"),
        F.min(offset),
        F.max(offset),
        F.bit_xor(F.xxhash64(offset)),
        F.collect_set("schema_id"),
    )
    return {
        (row[0], row[1]): Share(row[2], row[3], row[4], row[5], tuple(row[6]))
        for row in told.collect()
    }


def balanced(
    came: Shares, sound: Shares, refused: Shares, run: Run, mark: Mark
) -> list[Refined]:
    """Return the account of a batch.

    Raises:
        RowsLost: a message is in neither of the two tables, or more than once.
    """
    nothing = Share(0, 0, 0, 0)
    account = []
    for place, share in sorted(came.items()):
        good, bad = sound.get(place, nothing), refused.get(place, nothing)
        if good.rows + bad.rows != share.rows or good.mixed ^ bad.mixed != share.mixed:
            topic, partition = place
            raise RowsLost(
                f"batch {mark.batch_id} of {run.exchange} has {share.rows} messages of "
                f"{topic}, partition {partition}, offsets {share.first} to "
                f"{share.last}; silver took {good.rows} and the dead letters "
                f"{bad.rows}, and they are not the same ones. The lane stands still, "
                "and gold has nothing of it: compare these offsets in both tables"
            )
        account.append(
            Refined(
                exchange=run.exchange.upper(),
                run_at=run.started_at,
                query_id=mark.query_id,
                batch_id=mark.batch_id,
                kafka_topic=place[0],
                kafka_partition=place[1],
                first_offset=share.first,
                last_offset=share.last,
                bronze_rows=share.rows,
                silver_rows=good.rows,
                dead_letters=bad.rows,
            )
        )
    strange = (sound.keys() | refused.keys()) - came.keys()
    if strange:
        raise RowsLost(
            f"batch {mark.batch_id} of {run.exchange} wrote messages of {strange}, "
            "which it did not read"
        )
    return account


def enter(
    spark: SparkSession,
    address: str,
    account: Sequence[Refined | Promoted],
    mark: Mark,
) -> None:
    """Keep the account of a batch; once, however often the batch is done again."""
    table = table_at(address)
    put_once(lines_of(spark, table, account), table.identifier(), mark, {})


def written(spark: SparkSession, done: Landed) -> DataFrame:
    """Return the rows that one append brought to a table."""
    table = f"{CATALOG}.{done.identifier}"
    if done.parent_id is None:
        # A table's first snapshot holds what it brought.
        return spark.read.option("versionAsOf", done.snapshot_id).table(table)
    return (
        spark.read.format("iceberg")
        .option("start-snapshot-id", str(done.parent_id))
        .option("end-snapshot-id", str(done.snapshot_id))
        .load(table)
    )
