"""What a batch leaves in the summary of each snapshot that it commits."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from pyspark.sql import DataFrame, DataFrameWriterV2, SparkSession

from schemas.table import CATALOG

PREFIX = "bullion."


@dataclass(frozen=True, slots=True)
class Mark:
    """Which batch of which stream: the reason why a replayed one is recognised.

    A stream is known by the id in its checkpoint and never by a name: a new checkpoint
    counts its batches from 0 again, and new rows would be taken for old ones.
    """

    query_id: str
    batch_id: int
    may_be_there: bool = True
    """Whether the batch was begun by an earlier run, and may have got so far."""
    reach: Mapping[str, str] = field(default_factory=dict)
    """The stream's name and what the batch reads; see `Checkpoint.reach`."""
    notes: Mapping[str, str] = field(default_factory=dict)

    def properties(self, figures: Mapping[str, int]) -> dict[str, str]:
        """Return the snapshot properties that say all of this."""
        return {
            f"{PREFIX}query-id": self.query_id,
            f"{PREFIX}batch-id": str(self.batch_id),
            **{f"{PREFIX}{name}": value for name, value in self.reach.items()},
            **{f"{PREFIX}{name}": str(value) for name, value in figures.items()},
            **self.notes,
        }

    def put(
        self, writer: DataFrameWriterV2, figures: Mapping[str, int]
    ) -> DataFrameWriterV2:
        """Return the writer, about to leave this mark."""
        for key, value in self.properties(figures).items():
            writer = writer.option(f"snapshot-property.{key}", value)
        return writer


@contextmanager
def saying(spark: SparkSession, properties: Mapping[str, str]) -> Iterator[None]:
    """Let the commits of a MERGE, which takes no options, have these properties."""
    named = {
        f"spark.sql.iceberg.snapshot-property.{k}": v for k, v in properties.items()
    }
    try:
        for key, value in named.items():
            spark.conf.set(key, value)
        yield
    finally:
        # The next run of this turn enters the same session.
        for key in named:
            spark.conf.unset(key)


@dataclass(frozen=True, slots=True)
class Landed:
    """What one batch left in one table."""

    identifier: str
    batch_id: int
    snapshot_id: int
    parent_id: int | None
    added: int
    """Rows, as the table itself counted them in that commit."""
    figures: Mapping[str, int]
    notes: Mapping[str, str]
    """All that the mark says, figures too, as text."""


def landed(
    spark: SparkSession, identifiers: Sequence[str], query_id: str, after: int
) -> tuple[Landed, ...]:
    """Return what each later batch of a stream left in these tables, in order."""
    rows = spark.sql(" UNION ALL ".join(f"""
            SELECT '{identifier}' AS identifier, snapshot_id, parent_id, summary,
                   cast(summary['{PREFIX}batch-id'] AS bigint) AS batch_id
            FROM {CATALOG}.{identifier}.snapshots
            WHERE summary['{PREFIX}query-id'] = '{query_id}'
              AND cast(summary['{PREFIX}batch-id'] AS bigint) > {after}
            """ for identifier in identifiers)).collect()
    return tuple(
        Landed(
            row.identifier,
            row.batch_id,
            row.snapshot_id,
            row.parent_id,
            int(row.summary.get("added-records", 0)),
            _figures(row.summary),
            {
                key.removeprefix(PREFIX): value
                for key, value in row.summary.items()
                if key.startswith(PREFIX)
            },
        )
        for row in sorted(rows, key=lambda row: row.batch_id)
    )


def _figures(summary: Mapping[str, str]) -> dict[str, int]:
    return {
        key.removeprefix(PREFIX): int(value)
        for key, value in summary.items()
        if key.startswith(PREFIX) and value.isdigit() and not key.endswith("-id")
    }


def append(
    rows: DataFrame,
    identifier: str,
    mark: Mark,
    figures: Mapping[str, int],
    options: Mapping[str, str] = MappingProxyType({}),
) -> Landed:
    """Append the rows unless this batch did so before; return what it left there."""
    put_once(rows, identifier, mark, figures, options)
    asked = ((identifier,), mark.query_id, mark.batch_id - 1)
    return landed(rows.sparkSession, *asked)[0]


def put_once(
    rows: DataFrame,
    identifier: str,
    mark: Mark,
    figures: Mapping[str, int],
    options: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Append the rows unless this batch did so before; `options` are the writer's."""
    asked = ((identifier,), mark.query_id, mark.batch_id - 1)
    if mark.may_be_there and landed(rows.sparkSession, *asked):
        return
    writer = rows.writeTo(f"{CATALOG}.{identifier}")
    for key, value in options.items():
        writer = writer.option(key, value)
    mark.put(writer, figures).append()
