"""How far a stream has read, what its source has for it, and how it is begun well."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from schemas.table import CATALOG
from spark_apps.checkpoint import NOTHING, Checkpoint, Position
from spark_apps.marks import PREFIX

REBUILD, DROPPED = f"{PREFIX}rebuild", f"{PREFIX}rebuild-dropped"
"""Snapshot properties: which rebuild it was, and how many rows it took out."""


class HistoryGone(Exception):
    """Snapshots expired under a reader: stop, and call a person."""


ASKED_AGAIN = 20
"""Times that a history is read: commits come every few seconds, and reading is fast."""


class NotPrimed(Exception):
    """A stream began, or would begin, on a source that had history already."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit of a table."""

    snapshot_id: int
    parent_id: int | None
    operation: str
    added_files: int
    committed_ms: int = 0
    """When, in milliseconds since 1970 UTC."""
    stream: str = ""
    """Query id of the stream whose batch it is; empty for everybody else's."""
    batch: int = NOTHING
    added_rows: int = 0
    rebuilt: bool = False
    """Whether a rebuild did it: see `spark_apps.rebuild`."""
    dropped: int = 0
    """Rows that a rebuild took out."""

    @property
    def brings_data(self) -> bool:
        return self.operation == "append" and self.added_files > 0


def history(spark: SparkSession, identifier: str) -> tuple[Snapshot, ...]:
    """Return the table's snapshots, as far as they are kept, the head first.

    Raises:
        HistoryGone: the head is none of the snapshots, however often one asks.
    """
    for _ in range(ASKED_AGAIN):
        line = listed(spark, identifier)
        if line is not None:
            return line
    raise HistoryGone(
        f"the head of {identifier} is not among its snapshots: is its newest "
        "metadata.json whole? see the README of spark_apps"
    )


def listed(spark: SparkSession, identifier: str) -> tuple[Snapshot, ...] | None:
    """Return the history, or None if there was a commit while it was read.

    Spark reads the list of snapshots and the head one after the other.
    """
    rows = spark.sql(f"""
        SELECT s.snapshot_id, s.parent_id, s.operation, r.snapshot_id AS head,
               cast(s.summary['added-data-files'] AS int) AS added,
               cast(s.summary['added-records'] AS bigint) AS rows,
               s.summary['{REBUILD}'] IS NOT NULL AS rebuilt,
               cast(coalesce(s.summary['{DROPPED}'], '0') AS bigint) AS dropped,
               unix_millis(s.committed_at) AS ms,
               coalesce(s.summary['{PREFIX}query-id'],
                        s.summary['spark.sql.streaming.queryId'], '') AS stream,
               cast(coalesce(s.summary['{PREFIX}batch-id'],
                             s.summary['spark.sql.streaming.epochId'], '{NOTHING}')
                    AS bigint) AS batch
        FROM {CATALOG}.{identifier}.snapshots s
        FULL JOIN (SELECT snapshot_id FROM {CATALOG}.{identifier}.refs
                   WHERE name = 'main') r
          ON r.snapshot_id = s.snapshot_id
        """).collect()
    if any(row.snapshot_id is None for row in rows):
        return None
    known = {
        row.snapshot_id: Snapshot(
            row.snapshot_id,
            row.parent_id,
            row.operation,
            row.added or 0,
            row.ms,
            row.stream,
            row.batch,
            row.rows or 0,
            row.rebuilt,
            row.dropped,
        )
        for row in rows
    }
    line: list[Snapshot] = []
    at = next((known[row.snapshot_id] for row in rows if row.head), None)
    while at:
        line.append(at)
        at = known.get(at.parent_id) if at.parent_id is not None else None
    return tuple(line)


def newest_data(line: Sequence[Snapshot]) -> int | None:
    """Return the id of the newest snapshot that brought rows."""
    return next((each.snapshot_id for each in line if each.brings_data), None)


def pending(line: Sequence[Snapshot], position: Position) -> tuple[int, ...]:
    """Return the data appends behind the position, newest first.

    The snapshot of the position is among them while the reader has only some of it.

    Raises:
        HistoryGone: the position, or the table's beginning, is not kept any more.
    """
    new: list[int] = []
    for snapshot in line:
        reached = snapshot.snapshot_id == position.snapshot_id
        if snapshot.brings_data and not (
            reached and position.files >= snapshot.added_files
        ):
            new.append(snapshot.snapshot_id)
        if reached:
            return tuple(new)
    whole = not line or line[-1].parent_id is None
    if position.snapshot_id != NOTHING or not whole:
        raise HistoryGone(
            f"the reader stands at snapshot {position.snapshot_id}, the oldest kept is "
            f"{line[-1].snapshot_id if line else 'none'}: rows between them cannot be "
            "read as a stream; see the README of spark_apps"
        )
    return tuple(new)


def reader(
    spark: SparkSession, identifier: str, over_rebuilt: bool = False
) -> DataFrame:
    """Return the table as a stream of its appends.

    Retention deletes whole partitions. An upsert must stop the reader, unless all that
    wait are a rebuild's, which sees to the tables behind this one itself.
    """
    return (
        spark.readStream.format("iceberg")
        .option("streaming-skip-delete-snapshots", "true")
        .option("streaming-skip-overwrite-snapshots", str(over_rebuilt).lower())
        .option("streaming-max-files-per-micro-batch", "500")
        .load(f"{CATALOG}.{identifier}")
    )


def rebuilt_alone(line: Sequence[Snapshot], position: Position) -> bool:
    """Return whether rows were rewritten, and behind a position only by rebuilds.

    Iceberg walks from the first snapshot that is kept each time a reader begins, over
    what it has read long ago too.
    """
    ids = [each.snapshot_id for each in line]
    read = ids.index(position.snapshot_id) if position.snapshot_id in ids else len(line)
    rewritten = [n for n, each in enumerate(line) if each.operation == "overwrite"]
    return bool(rewritten) and all(line[n].rebuilt for n in rewritten if n < read)


def prime(spark: SparkSession, identifier: str, checkpoint: Checkpoint) -> bool:
    """Begin the stream that reads this table, while the table has no snapshot.

    Only such a stream survives the expiry of the first snapshot (Iceberg issue 18000).
    Return whether it was begun now; a stream begun well before is left as it is.

    Raises:
        NotPrimed: it is too late; the message says what to do.
    """
    if not checkpoint.exists:
        if history(spark, identifier):
            raise NotPrimed(
                f"{identifier} has rows, and {checkpoint.path} does not exist: a "
                "reader begun now would read them twice, and not survive the first "
                "expiry. Make the checkpoint again: ./bullion down, ./bullion restore"
            )
        # A checkpoint keeps the source's place and not the sink; nothing is written.
        query = (
            reader(spark, identifier)
            .writeStream.format("noop")
            .option("checkpointLocation", str(checkpoint.path))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        begun = True
    else:
        begun = False
    if checkpoint.first().snapshot_id != NOTHING:
        raise NotPrimed(
            f"{checkpoint.path} begins at a snapshot of {identifier}, which may "
            'expire: write "snapshot_id":-1,"position":-1 into its '
            "sources/0/offsets/0, and delete .0.crc beside it"
        )
    return begun
