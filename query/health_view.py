"""The tables' health as people read it."""

from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

NUMBERS = ("files", "small", "data", "manifests", "snapshots", "metadata", "head")


def page(told: dict[str, Any]) -> RenderableType:
    """Return the table of tables, and what is wrong below it."""
    parts: list[RenderableType] = [board(told)]
    parts += [
        f"[bold red]{row['table']}[/]: {trouble}"
        for row in told["tables"]
        for trouble in row["troubles"]
    ]
    for word, colour in (("stray", "bold red"), ("missing", "yellow")):
        if names := told[f"{word}_tables"]:
            parts.append(f"[{colour}]{word} tables[/]: {', '.join(names)}")
    if told["healthy"] and not told["stray_tables"]:
        parts.append("[green]all tables are well kept[/]")
    return Group(*parts)


def board(told: dict[str, Any]) -> Table:
    table = Table(title="tables", title_justify="left", header_style="bold cyan")
    for name in ("table", *NUMBERS, "oldest kept", "oldest needed", "by"):
        table.add_column(
            name,
            justify="right" if name in NUMBERS else "left",
            no_wrap=name != "by",
            overflow="fold",
        )
    at = datetime.fromisoformat(told["at"])
    for row in told["tables"]:
        colour = "bold red" if row["troubles"] else "default"
        table.add_row(
            f"[{colour}]{row['table']}[/]",
            f"{row['files']:,}",
            f"{row['small_files']:,}",
            size(row["data_bytes"]),
            f"{row['manifests']:,}",
            f"{row['snapshots']:,}",
            size(row["metadata_bytes"]),
            "" if row["head_age_s"] is None else span(row["head_age_s"]),
            age(row["oldest_snapshot"], at),
            age(row["oldest_needed"], at),
            row["needed_by"] or "",
        )
    return table


def size(count: int) -> str:
    """Return bytes in the unit that leaves at most three digits before the point."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def span(seconds: float) -> str:
    """Return a length of time in its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def age(moment: str | None, at: datetime) -> str:
    if moment is None:
        return ""
    return f"{span((at - datetime.fromisoformat(moment)).total_seconds())} ago"
