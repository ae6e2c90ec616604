"""What a drill found: for the UI's log, for programs, and kept beside the backups."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KEPT = "drills.jsonl"
"""Below the backups: a line of JSON for each drill, the newest last."""
HOLDS, FAILS = "holds", "fails"
Report = Mapping[str, Any]


def keep(folder: Path, report: Report) -> None:
    """Add a report to those of before."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / KEPT).open("a") as file:
        file.write(json.dumps(report) + "\n")


def told(report: Report) -> str:
    """Return a report as a person reads it in a log."""
    return "\n".join(lines(report))


def lines(report: Report) -> Iterator[str]:
    if report["backup"]:
        yield f"backup {report['backup']}, {report['age_hours']:.1f} h old"
    if report["tables"]:
        yield ""
        yield from grid(
            ("table", "as restored", "files", "rows then", "rows now", "note"),
            [
                (
                    *(each["name"], each["state"], f"{each['files']:,}"),
                    "" if each["rows_then"] is None else f"{each['rows_then']:,}",
                    f"{each['rows']:,}",
                    "see below" if each["state"] == "lost" else each["note"],
                )
                for each in report["tables"]
            ],
        )
    if report["streams"]:
        yield ""
        yield from grid(
            ("checkpoint", "ended batch", "would go on"),
            [
                (each["name"], str(each["ended"]), each["fault"] or each["goes_on"])
                for each in report["streams"]
            ],
        )
    yield ""
    yield (
        f"{len(report['tables'])} tables, {report['files']:,} files, "
        f"{len(report['streams'])} checkpoints, {report['seconds']:.1f} s: the backup "
        f"{report['verdict'].upper()}"
    )
    if report["tables"] and report["verdict"] == HOLDS:
        yield how_long(report)
        lost = report["lost"]
        yield "a restore would lose " + (f"{lost:,} messages" if lost else "nothing")
    yield from (f"AT FAULT: {each}" for each in report["faults"])


def how_long(report: Report) -> str:
    """Return until when tables can be read as they were at the backup."""
    expired = sum(each["state"] == "newest" for each in report["tables"])
    if expired:
        return (
            f"{expired} tables come back at their newest state alone: by the settings, "
            f"what was in this backup expires from {report['alone_until']} on"
        )
    return (
        "each table can be read as it was then, by the settings until "
        f"{report['alone_until']}; after that it comes back at its newest state"
    )


def grid(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table in columns of the same width; numbers stand to the right."""
    every = [tuple(names), *rows]
    wide = [max(len(row[at]) for row in every) for at in range(len(names))]
    for row in every:
        yield "  ".join(
            cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)
            for cell, width in zip(row, wide, strict=True)
        ).rstrip()


def short(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
