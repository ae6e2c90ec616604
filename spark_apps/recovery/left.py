"""What the tables themselves say of how far a lane's stream has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pyspark.sql import SparkSession

from schemas.lane import STREAMED
from schemas.table import CATALOG, Layer, Table, all_tables, table_at
from spark_apps.checkpoint import Checkpoint
from spark_apps.marks import PREFIX

SILVER = ("silver.trades", "silver.dead_letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One step of one lane."""

    reads: Table
    writes: Table
    exchange: str
    folder: Path
    """Where its notes are: restoring is done on a disk."""

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.folder)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def source(self) -> str:
        """Name of the table that it reads, in the catalog."""
        return self.reads.identifier(self.exchange)

    @property
    def marked(self) -> Mapping[str, str]:
        """The tables in which its batches leave marks: names by their addresses."""
        layers = {Layer.SILVER, self.writes.layer}
        return {
            table.address: table.identifier(self.exchange)
            for table in all_tables()
            if table.layer in layers
        }


@dataclass(frozen=True, slots=True)
class Marked:
    """A snapshot that carries a stream's mark."""

    address: str
    """Of its table, such as `silver.trades`."""
    committed_ms: int
    summary: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The newest batch of a stream that left a mark anywhere."""

    query_id: str
    batch_id: int
    read_from: str
    """The place behind the batch before, as Iceberg notes it."""
    read_to: str
    rows: int
    """How many the batch had."""
    inserted: int
    """How many of them gold did not have."""
    added: Mapping[str, int]
    """Rows by the address of each table that it got into."""

    def is_whole(self, layer: Layer) -> bool:
        """Return whether the batch got into every table that it belongs into."""
        if f"{layer}.accounting" not in self.added:
            # It is written last, and by every batch.
            return False
        # A table may have lost a commit all the same.
        if layer is Layer.SILVER:
            took = (self.added.get(each, 0) for each in SILVER)
            return sum(took) == self.rows
        return (
            "gold.candles_1m" in self.added
            and self.added.get("gold.trades", 0) == self.inserted
        )

    @classmethod
    def by(cls, spark: SparkSession, stream: Stream) -> Self | None:
        """Return what the stream left last, in any table; None for nothing.

        A stream that was begun anew has another id: that of the newest mark counts.
        """
        tables = stream.marked
        there = {
            address: name
            for address, name in tables.items()
            if spark.catalog.tableExists(f"{CATALOG}.{name}")
        }
        if not there:
            return None
        marks = spark.sql(" UNION ALL ".join(f"""
                SELECT '{address}' AS address, summary,
                       unix_millis(committed_at) AS ms
                FROM {CATALOG}.{name}.snapshots
                WHERE summary['{PREFIX}stream'] = '{stream.name}'
                """ for address, name in there.items())).collect()
        return cls.of([Marked(row.address, row.ms, row.summary) for row in marks])

    @classmethod
    def of(cls, marks: Sequence[Marked]) -> Self | None:
        """Return what a stream left last, by all its marks; None for none."""
        if not marks:
            return None
        query_id = max(marks, key=lambda row: row.committed_ms).summary[
            f"{PREFIX}query-id"
        ]
        mine = [row for row in marks if row.summary[f"{PREFIX}query-id"] == query_id]
        batch_id = max(int(row.summary[f"{PREFIX}batch-id"]) for row in mine)
        last = [
            row for row in mine if int(row.summary[f"{PREFIX}batch-id"]) == batch_id
        ]
        said = last[0].summary
        return cls(
            query_id=query_id,
            batch_id=batch_id,
            read_from=said[f"{PREFIX}read-from"],
            read_to=said[f"{PREFIX}read-to"],
            rows=max(int(row.summary.get(f"{PREFIX}rows", 0)) for row in last),
            inserted=max(int(row.summary.get(f"{PREFIX}inserted", 0)) for row in last),
            added={
                row.address: int(row.summary.get("added-records", 0)) for row in last
            },
        )


def streams_of(exchange: str, folder: Path) -> tuple[Stream, ...]:
    """Return the streams of a lane, in the order of a run, below a folder."""
    return tuple(
        Stream(
            reads=table_at(reads),
            writes=table_at(writes),
            exchange=exchange,
            folder=folder / table_at(writes).checkpoint(exchange),
        )
        for reads, writes in STREAMED
    )
