"""The restore drills: what the newest said of the backups."""

import json
from pathlib import Path
from typing import Any

from rich.markup import escape

KEPT = "drills.jsonl"
"""Below the backups, a line of JSON for each drill; the room of Spark writes it."""


def last_drill(backups: Path) -> dict[str, Any] | None:
    """Return when the newest drill was, of which backup, and how it ended; or None."""
    try:
        lines = (backups / KEPT).read_text().splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            told = json.loads(line)
        except ValueError:
            # A drill was killed while it wrote; the one before it counts.
            continue
        return {name: told[name] for name in ("at", "backup", "verdict", "faults")}
    return None


def drilled(told: dict[str, Any] | None) -> str:
    """Return the line that status shows of it."""
    if told is None:
        return "restore drill: none yet; ./bullion drill tries the newest backup now"
    colour = "green" if told["verdict"] == "holds" else "bold red"
    day = told["at"][:16].replace("T", " ")
    more = f": {escape(told['faults'][0])}" if told["faults"] else ""
    named = told["backup"] or "no backup"
    return f"restore drill: [{colour}]{told['verdict']}[/], {named}, {day} UTC{more}"
