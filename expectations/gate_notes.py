"""What each gate of a lane noted, a line each: read without Great Expectations."""

import json
from pathlib import Path
from typing import Any


def notes(folder: Path, exchange: str) -> Path:
    """Return the file of a lane's gates."""
    return folder / f"{exchange}.jsonl"


def last(folder: Path, exchange: str) -> dict[str, Any] | None:
    """Return what the last gate of a lane noted; None before the first."""
    file = notes(folder, exchange)
    if not file.exists():
        return None
    lines = file.read_bytes().strip().splitlines()
    told: dict[str, Any] = json.loads(lines[-1])
    return told
