"""Who still needs a table's history: its readers, and batches that were not ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expectations.places import Folder
from schemas.lane import readers
from schemas.table import Table, table_at
from spark_apps.checkpoint import NOTHING, Checkpoint, Position
from spark_apps.streams import HistoryGone, Snapshot, pending


@dataclass(frozen=True, slots=True)
class Reader:
    """A stream that reads a table; one that has no checkpoint has read nothing."""

    name: str
    position: Position = Position()
    first: Position = Position()
    """Where it began: without that snapshot it cannot run (Iceberg issue 18000)."""


def readers_of(
    table: Table, exchanges: Sequence[str], checkpoints: Folder
) -> tuple[Reader, ...]:
    """Return the streams that read a table of these exchanges."""
    return tuple(
        _reader(table_at(address), exchange, checkpoints)
        for address in readers(table.address)
        for exchange in exchanges
    )


def _reader(writes: Table, exchange: str, checkpoints: Folder) -> Reader:
    checkpoint = Checkpoint(checkpoints / writes.checkpoint(exchange))
    name = f"{writes.address} of {exchange}"
    if not checkpoint.exists:
        return Reader(name)
    return Reader(name, checkpoint.consumed(), checkpoint.first())


def ended_batches(checkpoints: Folder) -> Mapping[str, int]:
    """Return the last ended batch of each stream there is, by its query id."""
    there = (Checkpoint(folder) for folder in checkpoints.glob("[a-z]*"))
    return {each.query_id: each.last_batch for each in there if each.exists}


def unread(line: Sequence[Snapshot], held: Sequence[Reader]) -> frozenset[int]:
    """Return the snapshots whose rows some reader has yet to read.

    Raises:
        HistoryGone: what a reader needs has expired; the message names the reader.
    """
    found: set[int] = set()
    kept = {snapshot.snapshot_id for snapshot in line}
    for reader in held:
        try:
            found.update(pending(line, reader.position))
        except HistoryGone as gone:
            raise HistoryGone(f"{reader.name}: {gone}") from gone
        if line and reader.first.snapshot_id not in kept | {NOTHING}:
            raise HistoryGone(
                f"{reader.name} began at snapshot {reader.first.snapshot_id}, which "
                "has expired: see docs/runbooks/upkeep.md"
            )
    return frozenset(found)


def needed(
    line: Sequence[Snapshot], held: Sequence[Reader], ended: Mapping[str, int]
) -> Mapping[int, str]:
    """Return the snapshots of a history that must stay, and for whom.

    A reader needs the snapshot at which it stands. Everybody needs the newest append
    with files: a reader's place never moves on to a compaction (Iceberg issue 14622).
    A batch that was begun and not ended is recognised by the snapshot that it left.
    """
    found: dict[int, str] = {}
    for snapshot in line:
        if snapshot.brings_data:
            found[snapshot.snapshot_id] = "the newest rows"
            break
    for snapshot in line:
        if snapshot.stream in ended and snapshot.batch > ended[snapshot.stream]:
            found[snapshot.snapshot_id] = f"the unended batch {snapshot.batch}"
    for reader in held:
        for position in (reader.position, reader.first):
            if position.snapshot_id != NOTHING:
                found[position.snapshot_id] = reader.name
    return found
