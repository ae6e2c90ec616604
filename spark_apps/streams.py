"""How far a stream has read, what its source has for it, and how it is begun well."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from schemas.table import CATALOG
from spark_apps.marks import PREFIX

NOTHING = -1
"""The snapshot id of a reader that has read nothing yet."""
BEGINNING = json.dumps(
    {"version": 1, "snapshot_id": NOTHING, "position": NOTHING, "scan_all_files": False}
)
"""That reader's place, as Iceberg notes it."""


class HistoryGone(Exception):
    """Snapshots expired under a reader: stop, and call a person."""


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

    @property
    def brings_data(self) -> bool:
        return self.operation == "append" and self.added_files > 0


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a stream has read: some files of one snapshot."""

    snapshot_id: int = NOTHING
    files: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The notes that Spark keeps of one stream, on the disk of its driver."""

    path: Path

    @property
    def exists(self) -> bool:
        return (self.path / "offsets").is_dir() and bool(self._numbers("offsets"))

    @property
    def query_id(self) -> str:
        """The stream's identity; another checkpoint is another stream."""
        return str(json.loads((self.path / "metadata").read_text())["id"])

    @property
    def last_batch(self) -> int:
        """Number of the last batch that was carried to its end, or -1."""
        return max(self._numbers("commits"), default=-1)

    @property
    def begun_batch(self) -> int:
        """Number of the batch that was begun and not ended, or -1.

        The next run does it again. Spark notes a batch before it begins it, so that no
        other batch can have left anything in a table.
        """
        last = max(self._numbers("offsets"), default=-1)
        return last if last > self.last_batch else -1

    def begun_at(self, batch: int) -> datetime:
        """Return when a batch was begun for the first time; UTC, aware."""
        file = self.path / "offsets" / str(batch)
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)

    @property
    def newest_batch(self) -> int:
        """Number of the newest batch that was begun, ended or not; -1 for none."""
        return max(self._numbers("offsets"), default=-1)

    def reach(self, batch: int) -> dict[str, str]:
        """Return the stream's name, and from where to where one batch reads.

        As Spark noted it before the batch began; from this a lost checkpoint is made
        again.
        """
        begin, end = (self.path / "offsets" / str(n) for n in (batch - 1, batch))
        return {
            "stream": self.path.name,
            "read-from": _noted(begin) if begin.exists() else BEGINNING,
            "read-to": _noted(end),
        }

    def consumed(self) -> Position:
        """Return up to where batches were carried to their end."""
        if self.last_batch < 0:
            return Position()
        return self._offset(self.last_batch)

    def first(self) -> Position:
        """Return where the stream began: it is lost if that snapshot expires."""
        return _position(self.path / "sources/0/offsets/0")

    def _offset(self, batch: int) -> Position:
        return _position(self.path / "offsets" / str(batch))

    def _numbers(self, folder: str) -> list[int]:
        found = (self.path / folder).glob("[0-9]*")
        return [int(file.name) for file in found if file.name.isdigit()]


def _position(file: Path) -> Position:
    return position(_noted(file))


def _noted(file: Path) -> str:
    """Return a place as Iceberg noted it: one line of JSON, behind Spark's own."""
    return file.read_text().splitlines()[-1]


def position(noted: str) -> Position:
    """Return the place that a note of Iceberg's means."""
    offset = json.loads(noted)
    return Position(int(offset["snapshot_id"]), int(offset["position"]))


def history(spark: SparkSession, identifier: str) -> tuple[Snapshot, ...]:
    """Return the table's snapshots, as far as they are kept, the head first."""
    rows = spark.sql(f"""
        SELECT s.snapshot_id, s.parent_id, s.operation, r.name IS NOT NULL AS head,
               cast(s.summary['added-data-files'] AS int) AS added,
               unix_millis(s.committed_at) AS ms,
               coalesce(s.summary['{PREFIX}query-id'],
                        s.summary['spark.sql.streaming.queryId'], '') AS stream,
               cast(coalesce(s.summary['{PREFIX}batch-id'],
                             s.summary['spark.sql.streaming.epochId'], '{NOTHING}')
                    AS bigint) AS batch
        FROM {CATALOG}.{identifier}.snapshots s
        LEFT JOIN {CATALOG}.{identifier}.refs r
          ON r.snapshot_id = s.snapshot_id AND r.name = 'main'
        """).collect()
    known = {
        row.snapshot_id: Snapshot(
            row.snapshot_id,
            row.parent_id,
            row.operation,
            row.added or 0,
            row.ms,
            row.stream,
            row.batch,
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


def reader(spark: SparkSession, identifier: str) -> DataFrame:
    """Return the table as a stream of its appends."""
    return (
        spark.readStream.format("iceberg")
        # Retention deletes whole partitions; an upsert must stop the reader, hence
        # nothing is said here of overwrites.
        .option("streaming-skip-delete-snapshots", "true")
        .option("streaming-max-files-per-micro-batch", "500")
        .load(f"{CATALOG}.{identifier}")
    )


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
