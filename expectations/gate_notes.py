"""What each gate of a lane noted, a line each: read without Great Expectations."""

import json
from os import SEEK_END
from pathlib import Path
from typing import Any

LONGEST = 2048
"""Bytes that a line has at most; most have 250."""
LEAST = 32
PASSED = b'"outcome": "passed"'


def notes(folder: Path, exchange: str) -> Path:
    """Return the file of a lane's gates."""
    return folder / f"{exchange}.jsonl"


def last(folder: Path, exchange: str) -> dict[str, Any] | None:
    """Return what the last gate of a lane noted; None before the first."""
    newest = history(folder, exchange, 1)
    return newest[0] if newest else None


def history(folder: Path, exchange: str, count: int) -> list[dict[str, Any]]:
    """Return what the last gates of a lane noted, the newest last.

    A line that is being written while we read has no end yet, and is left out.
    """
    file = notes(folder, exchange)
    if not file.exists():
        return []
    tail = max(count, LEAST) * LONGEST
    with file.open("rb") as opened:
        size = opened.seek(0, SEEK_END)
        opened.seek(max(0, size - tail))
        lines = opened.read().split(b"\n")
    whole = lines[:-1] if size <= tail else lines[1:-1]
    return [json.loads(line) for line in whole[-count:]]


def troubles(folder: Path, exchange: str, count: int) -> list[dict[str, Any]]:
    """Return the last notes of gates that did not pass, the newest last."""
    file = notes(folder, exchange)
    if not file.exists():
        return []
    lines = file.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines if PASSED not in line][-count:]
