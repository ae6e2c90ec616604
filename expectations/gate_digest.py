"""What gates noted is kept for long: the newest as they said it, all else as hours.

A lane has some thousand gates a day. When the file of its notes is full it is set
aside, and what was aside before is kept as a digest of its hours.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from expectations.gate_hours import Hour, by_hour, merged
from expectations.gate_notes import notes

ROTATE_AT = 5_000_000
"""Bytes after which the file of a lane's gates is set aside."""
HOURS_KEPT = timedelta(days=400)


def remember(folder: Path, exchange: str, told: Mapping[str, object]) -> None:
    """Append what a gate noted; a lane has one gate at a time."""
    file = notes(folder, exchange)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > ROTATE_AT:
        digest(folder, exchange)
        file.replace(aside(file))
    with file.open("a") as opened:
        opened.write(json.dumps(told) + "\n")


def hours(folder: Path, exchange: str) -> list[Hour]:
    """Return what the lane's gates noted, hour by hour, as far back as is kept."""
    file = notes(folder, exchange)
    known, until = digested(folder, exchange)
    recent = (
        each for one in (aside(file), file) for each in lines(one) if each["at"] > until
    )
    return merged([*known, *by_hour(recent)])


def digest(folder: Path, exchange: str) -> None:
    """Enter what lies aside into the hours; what is there is not entered again."""
    known, until = digested(folder, exchange)
    told = [
        each for each in lines(aside(notes(folder, exchange))) if each["at"] > until
    ]
    if not told:
        return
    oldest = (datetime.now(UTC) - HOURS_KEPT).isoformat()
    kept = [h for h in merged([*known, *by_hour(told)]) if h.hour >= oldest[:13]]
    file = hours_of(folder, exchange)
    part = file.with_suffix(".part")
    until = max(each["at"] for each in told)
    part.write_text(
        json.dumps({"until": until, "hours": [hour.as_json() for hour in kept]})
    )
    part.replace(file)


def digested(folder: Path, exchange: str) -> tuple[list[Hour], str]:
    """Return the hours that were entered, and the time of the last gate in them."""
    file = hours_of(folder, exchange)
    if not file.exists():
        return [], ""
    told = json.loads(file.read_text())
    return [Hour(**each) for each in told["hours"]], told["until"]


def hours_of(folder: Path, exchange: str) -> Path:
    return folder / f"{exchange}.hours.json"


def aside(file: Path) -> Path:
    return file.with_suffix(".jsonl.1")


def lines(file: Path) -> Iterable[Mapping[str, Any]]:
    """Yield the notes of a file; a line that a dying gate left half is none."""
    if not file.exists():
        return
    with file.open() as opened:
        for line in opened:
            if line.endswith("}\n"):
                yield json.loads(line)
