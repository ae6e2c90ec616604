"""A lost or outdated checkpoint of a lane is made again from the tables' own marks."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pyspark.sql import SparkSession

from schemas.table import CATALOG, Layer, table_at
from spark_apps.checkpoint import BEGINNING, Checkpoint, Position, position
from spark_apps.marks import landed
from spark_apps.recovery.left import Left, Stream
from spark_apps.recovery.notes import Notes, place, write
from spark_apps.streams import (
    HistoryGone,
    Snapshot,
    history,
    newest_data,
    pending,
)


class CannotRebuild(Exception):
    """What is left does not say how far a stream came; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a stream's checkpoint."""

    stream: str
    said: str
    """What was done; empty if nothing had to be."""


def rebuild(spark: SparkSession, stream: Stream, backup: Path | None) -> Rebuilt:
    """Leave a stream with a checkpoint that agrees with the tables.

    Raises:
        CannotRebuild: nothing says how far it came; it is left as it is.
    """
    line = history(spark, stream.source)
    left = Left.by(spark, stream)
    if agrees(stream, left, line):
        return Rebuilt(stream.name, "")
    lost = "out of step" if stream.checkpoint.exists else "lost"
    if told := from_tables(stream, left, line):
        notes, said = told
        write(stream.folder, notes)
        return Rebuilt(stream.name, f"{lost}; {said}")
    if not left and is_untouched(spark, stream, line):
        write(stream.folder, Notes(query_id=str(uuid4()), ended=0))
        return Rebuilt(
            stream.name, f"{lost}; had read nothing, begins at the beginning"
        )
    if not left and backup and is_newest(spark, stream, Checkpoint(backup), line):
        new = stream.folder.with_name(f".{stream.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        place(shutil.copytree(backup, new), stream.folder)
        return Rebuilt(stream.name, f"{lost}; from the backup, which is the newest")
    if left:
        why = (
            f"its batch {left.batch_id} read {stream.source} up to {left.read_to}, "
            "which that table does not keep any more"
        )
    else:
        why = (
            f"neither a mark in {stream.writes.identifier(stream.exchange)} nor a "
            f"backup says how far it read {stream.source}"
        )
    raise CannotRebuild(
        f"{stream.name}: {why}. To begin anew would write rows twice, so nothing was "
        "done to it: see docs/runbooks/recovery.md, 'When restore refuses'"
    )


def from_tables(
    stream: Stream, left: Left | None, line: tuple[Snapshot, ...]
) -> tuple[Notes, str] | None:
    """Return the notes by which a stream goes on, and what is said of them.

    None where the tables alone do not tell how far it came.
    """
    notes = left and from_marks(left, stream.writes.layer, line)
    if notes:
        again = f", batch {notes.ended + 1} is done again" if notes.begun else ""
        return notes, f"from the tables: batch {notes.ended} ended{again}"
    if stream.writes.layer is Layer.GOLD:
        # What gold holds already is left out by its id: to read too much costs time.
        said = f"begins anew at the oldest that {stream.source} keeps"
        return from_the_oldest(line), said
    return None


def agrees(stream: Stream, left: Left | None, line: tuple[Snapshot, ...]) -> bool:
    """Return whether a checkpoint and the tables tell the same of a stream."""
    checkpoint = stream.checkpoint
    if not is_readable(checkpoint):
        return False
    try:
        pending(line, checkpoint.consumed())
        if not left:
            return True
        if checkpoint.query_id != left.query_id:
            return False
        if checkpoint.last_batch < left.batch_id:
            return checkpoint.newest_batch == left.batch_id
        if not left.is_whole(stream.writes.layer):
            return False
        if checkpoint.last_batch == left.batch_id:
            return True
        # Batches behind the mark must have had no rows.
        read = until(line, checkpoint.consumed())
        return not pending(read, position(left.read_to))
    except HistoryGone:
        return False


def until(line: tuple[Snapshot, ...], place: Position) -> tuple[Snapshot, ...]:
    """Return the part of a history that was read, the newest first."""
    ids = [snapshot.snapshot_id for snapshot in line]
    return line[ids.index(place.snapshot_id) :] if place.snapshot_id in ids else ()


def is_readable(checkpoint: Checkpoint) -> bool:
    """Return whether Spark could go on from it; a part of it may be lost."""
    needed = ("metadata", "sources/0/offsets/0", f"offsets/{checkpoint.last_batch}")
    return (
        checkpoint.exists
        and all((checkpoint.path / name).is_file() for name in needed)
        and checkpoint.newest_batch - checkpoint.last_batch in (0, 1)
    )


def from_marks(left: Left, layer: Layer, line: tuple[Snapshot, ...]) -> Notes | None:
    """Return where the stream stands by its newest mark; None if that is not kept.

    A batch that is not in all of its tables is done again under its own number: in
    those that have its mark it writes nothing.
    """
    whole = left.is_whole(layer)
    try:
        pending(line, position(left.read_to if whole else left.read_from))
    except HistoryGone:
        return None
    if whole:
        return Notes(
            query_id=left.query_id,
            ended=left.batch_id,
            at=left.read_to,
            before=left.read_from,
        )
    return Notes(
        query_id=left.query_id,
        ended=left.batch_id - 1,
        at=left.read_from,
        begun=left.read_to,
    )


def from_the_oldest(line: tuple[Snapshot, ...]) -> Notes:
    """Return the notes of a stream that reads all that its source still keeps.

    Expiry never passes a reader: what it had not read is among that.
    """
    if not line or line[-1].parent_id is None:
        return Notes(query_id=str(uuid4()), ended=0)
    oldest = BEGINNING.replace(
        '"snapshot_id": -1, "position": -1',
        f'"snapshot_id": {line[-1].snapshot_id}, "position": 0',
    )
    return Notes(query_id=str(uuid4()), ended=0, at=oldest)


def is_untouched(
    spark: SparkSession, stream: Stream, line: tuple[Snapshot, ...]
) -> bool:
    """Return whether a stream has written nothing, and can still read everything."""
    written = history(spark, stream.writes.identifier(stream.exchange))
    letters = f"{CATALOG}.{table_at('silver.dead_letters').identifier()}"
    return (
        newest_data(written) is None
        and (not written or written[-1].parent_id is None)
        and (not line or line[-1].parent_id is None)
        and not spark.table(letters)
        .where(f"stage = 'silver' AND exchange = '{stream.exchange.upper()}'")
        .limit(1)
        .count()
    )


def is_newest(
    spark: SparkSession,
    stream: Stream,
    backup: Checkpoint,
    line: tuple[Snapshot, ...],
) -> bool:
    """Return whether no table has a batch that a checkpoint's copy does not know."""
    if not is_readable(backup):
        return False
    try:
        pending(line, backup.consumed())
    except HistoryGone:
        return False
    names = (
        stream.writes.identifier(stream.exchange),
        table_at("silver.dead_letters").identifier(),
    )
    return not landed(spark, names, backup.query_id, backup.newest_batch)
