"""Spark's notes of a stream, written by us as Spark would have written them."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from spark_apps.checkpoint import BEGINNING
from spark_apps.relocation import set_aside

CONF = {"spark.sql.optimizer.pruneFiltersCanPruneStreamingSubplan": "false"}
"""What Spark 4.1 takes for granted otherwise is what Spark 3 did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Where a stream of a table stands; offsets are lines of JSON as Iceberg's."""

    query_id: str
    ended: int
    """Number of the last batch that was carried to its end."""
    at: str = BEGINNING
    """Up to where that one read."""
    before: str = BEGINNING
    """Up to where the batch before that one read: Spark wants two notes in a row."""
    begun: str = ""
    """Up to where the next one reads, if it was begun: it will be done again so."""


def write(folder: Path, notes: Notes) -> None:
    """Put a checkpoint there, whole or not at all; what was there is moved aside."""
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    put(new / "metadata", json.dumps({"id": notes.query_id}))
    put(new / "sources/0/offsets/0", BEGINNING)
    if notes.ended >= 1:
        put(new / "offsets" / str(notes.ended - 1), offsets(notes.before))
    if notes.ended >= 0:
        put(new / "offsets" / str(notes.ended), offsets(notes.at))
        put(new / "commits" / str(notes.ended), 'v1\n{"nextBatchWatermarkMs":0}')
    if notes.begun:
        put(new / "offsets" / str(notes.ended + 1), offsets(notes.begun))
    place(new, folder)


def place(new: Path, folder: Path) -> None:
    """Let one folder take the place of another, which is moved aside."""
    if folder.exists():
        set_aside(folder)
    new.rename(folder)


def offsets(place: str) -> str:
    """Return a file of the offset log: its version, Spark's notes, the source's."""
    head = {
        "batchWatermarkMs": 0,
        "batchTimestampMs": time.time_ns() // 1_000_000,
        "conf": CONF,
    }
    return f"v1\n{json.dumps(head)}\n{place}"


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
