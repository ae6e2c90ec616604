"""What a batch leaves in the summary of each snapshot that it commits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    notes: Mapping[str, str] = field(default_factory=dict)

    def properties(self, figures: Mapping[str, int]) -> dict[str, str]:
        """Return the snapshot properties that say all of this."""
        return {
            f"{PREFIX}query-id": self.query_id,
            f"{PREFIX}batch-id": str(self.batch_id),
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


def marked(
    spark: SparkSession, identifier: str, query_id: str, after: int
) -> dict[int, dict[str, int]]:
    """Return the figures that each later batch of a stream left in a table, by number.

    `added` is how many rows the table itself counted in that commit.
    """
    rows = spark.sql(f"""
        SELECT summary FROM {CATALOG}.{identifier}.snapshots
        WHERE summary['{PREFIX}query-id'] = '{query_id}'
          AND cast(summary['{PREFIX}batch-id'] AS bigint) > {after}
        """).collect()
    return {
        int(row.summary[f"{PREFIX}batch-id"]): {
            "added": int(row.summary.get("added-records", 0)),
            **_figures(row.summary),
        }
        for row in rows
    }


def _figures(summary: Mapping[str, str]) -> dict[str, int]:
    return {
        key.removeprefix(PREFIX): int(value)
        for key, value in summary.items()
        if key.startswith(PREFIX) and value.isdigit() and not key.endswith("-id")
    }


def append(
    rows: DataFrame, identifier: str, mark: Mark, figures: Mapping[str, int]
) -> int:
    """Append the rows unless this batch did so before; return how many there are."""
    spark = rows.sparkSession
    done = marked(spark, identifier, mark.query_id, mark.batch_id - 1)
    if not done:
        writer = mark.put(rows.writeTo(f"{CATALOG}.{identifier}"), figures)
        writer.append()
        done = marked(spark, identifier, mark.query_id, mark.batch_id - 1)
    return done[mark.batch_id]["added"]
