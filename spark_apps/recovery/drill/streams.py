"""A checkpoint of a backup: it reads, its tables hold what it noted, and it goes on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThan
from pyiceberg.table import Table

from schemas.topic import REJECTED, TRADES, Topic
from spark_apps.carried import PLACES
from spark_apps.checkpoint import NOTHING, Checkpoint, position
from spark_apps.recovery.drill.broker import Broker
from spark_apps.recovery.drill.objects import UNREADABLE, answering, line_of, marked
from spark_apps.recovery.left import Left, Stream
from spark_apps.recovery.rebuild import agrees, from_tables, is_readable, until
from spark_apps.streams import HistoryGone, Snapshot, pending

ENDLESS: Mapping[str, Topic] = {
    "bronze.trades": TRADES,
    "silver.dead_letters": REJECTED,
}
"""The tables whose streams come from Kafka, and from which topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one checkpoint of a backup."""

    name: str
    ended: int = NOTHING
    """The last batch that it notes as ended."""
    goes_on: str = ""
    """How the stream would go on after a restore."""
    fault: str = ""
    gone: int = 0
    """Messages behind its place that Kafka does not have any more."""
    lost: int = 0
    """How many of them no table has either."""


def unreadable(path: Path) -> str:
    """Return what of a checkpoint's notes cannot be read; empty if all can be."""
    checkpoint = Checkpoint(path)
    for folder in ("offsets", "commits"):
        for note in sorted((path / folder).glob("[0-9]*")):
            try:
                version, *lines = note.read_text().splitlines()
                notes = [json.loads(each) for each in lines]
            except ValueError as error:
                return f"{folder}/{note.name} is no note of Spark's: {error}"
            if version != "v1" or not notes:
                return f"{folder}/{note.name} is no note of Spark's"
    last = checkpoint.last_batch
    if checkpoint.newest_batch >= 0 and not (path / "metadata").is_file():
        return "it lacks its metadata: nobody knows which stream it is of"
    if last >= 0 and not (path / "offsets" / str(last)).is_file():
        return f"batch {last} ended, and offsets/{last} is not there"
    return ""


def of_lane(stream: Stream, tables: Mapping[str, Table]) -> Judged:
    """Return how a stream from table to table would go on."""
    copy = stream.checkpoint
    if why := unreadable(stream.folder):
        return Judged(name=stream.name, fault=why)
    source = tables.get(stream.source)
    if source is None:
        return Judged(name=stream.name, fault=f"{stream.source} cannot be read")
    line = line_of(source)
    left = Left.of(
        [
            mark
            for address, name in stream.marked.items()
            if name in tables
            for mark in marked(tables[name], address, stream.name)
        ]
    )
    ended = copy.last_batch
    if not copy.exists:
        return begun(stream, left, line)
    if ahead(copy, left, line):
        assert left is not None
        why = f"it notes batch {ended} as ended, and its tables end at {left.batch_id}"
        return Judged(name=stream.name, ended=ended, fault=why)
    if agrees(stream, left, line):
        return Judged(name=stream.name, ended=ended, goes_on="as it is")
    if told := from_tables(stream, left, line):
        return Judged(name=stream.name, ended=ended, goes_on=told[1])
    why = (
        f"it stands at a snapshot of {stream.source} that has expired, and no mark in "
        "its tables says how far it came"
    )
    return Judged(name=stream.name, ended=ended, fault=why)


def begun(stream: Stream, left: Left | None, line: tuple[Snapshot, ...]) -> Judged:
    """Return how a stream would go on of which the backup has no batch."""
    if told := from_tables(stream, left, line):
        return Judged(name=stream.name, goes_on=told[1])
    if not line or line[-1].parent_id is None:
        return Judged(name=stream.name, goes_on="at the beginning")
    why = f"the backup has no batch of it, and {stream.source} has lost its beginning"
    return Judged(name=stream.name, fault=why)


def ahead(copy: Checkpoint, left: Left | None, line: tuple[Snapshot, ...]) -> bool:
    """Return whether a checkpoint notes rows as done that its tables do not have."""
    if left is None or left.query_id != copy.query_id or not is_readable(copy):
        return False
    if copy.last_batch <= left.batch_id:
        return False
    try:
        # Batches behind the mark must have had no rows.
        return bool(pending(until(line, copy.consumed()), position(left.read_to)))
    except HistoryGone:
        return False


def of_kafka(
    address: str, exchange: str, folder: Path, table: Table | None, broker: Broker
) -> Judged:
    """Return how a stream from Kafka would go on.

    Raises:
        BrokerAway: Kafka does not answer.
    """
    topic, copy = ENDLESS[address].name(exchange), Checkpoint(folder)
    name, ended = copy.path.name, copy.last_batch
    if why := unreadable(folder):
        return Judged(name=name, fault=why)
    if ended < 0:
        return Judged(name=name, goes_on="at the beginning")
    note = (copy.path / "offsets" / str(ended)).read_text().splitlines()[-1]
    standing: Mapping[str, int] = json.loads(note).get(topic, {})
    kept = broker.kept(topic)
    gone = lost = 0
    for partition, begins in standing.items():
        oldest, end = kept.get(int(partition), (0, 0))
        if begins > end:
            why = (
                f"it reads {topic}/{partition} from {begins}, and Kafka ends at {end}: "
                "the topic was made anew"
            )
            return Judged(name=name, ended=ended, fault=why)
        if begins < oldest:
            gone += oldest - begins
            held = carried(address, table, topic, int(partition), begins, oldest)
            lost += max(0, oldest - begins - held)
    at = sum(standing.values())
    said = f"at message {at:,}" if not gone else f"behind what {address} holds"
    return Judged(name=name, ended=ended, goes_on=said, gone=gone, lost=lost)


def carried(
    address: str, table: Table | None, topic: str, partition: int, first: int, end: int
) -> int:
    """Return how many messages of a span of offsets a table holds.

    None of a table that cannot be read; that is a fault of its own.
    """
    if table is None:
        return 0
    named, part, offset = (each.strip("`") for each in PLACES[address])
    span = And(GreaterThanOrEqual(offset, first), LessThan(offset, end))
    here = And(EqualTo(named, topic), EqualTo(part, partition))
    try:
        with answering():
            return int(table.scan(row_filter=And(here, span)).count())
    except UNREADABLE:
        return 0
