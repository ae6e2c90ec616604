"""An audit as people read it."""

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape

from query.completeness_view import board

SHORT = {"not comparable": "n/a"}
"""What fits beside the rest in 80 characters; the reason stands below."""
COLOURS = {"passed": "green", "failed": "bold red", "not comparable": "yellow"}


def page(told: dict[str, Any]) -> RenderableType:
    """Return the checks, what differs, why some could not be asked, the verdict."""
    if not told["checks"]:
        of = f" of {told['day']}" if told["day"] else ""
        return (
            f"no audit{of} yet: the DAG `audit` runs each morning, or now: "
            "./bullion airflow dags trigger audit"
        )
    table = board(f"the audit of {told['day']} (UTC)")
    for name in ("exchange", "check", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("expected", "found", "differ"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in told["checks"]:
        colour = COLOURS.get(row["state"], "default")
        table.add_row(
            row["exchange"],
            row["check_name"],
            f"[{colour}]{SHORT.get(row['state'], row['state'])}[/]",
            *(number(row[name]) for name in ("expected", "found")),
            f"[{colour}]{row['differing']:,}[/]" if row["differing"] else "",
        )
    return Group(table, *reasons(told), verdict(told))


def number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def reasons(told: dict[str, Any]) -> list[str]:
    """Return what each check that did not pass has to say, once."""
    said: dict[str, None] = {}
    for row in told["checks"]:
        if row["note"]:
            colour = COLOURS.get(row["state"], "default")
            whose = f"{row['exchange']}, {row['check_name']}"
            said[f"[{colour}]{whose}:[/] {escape(row['note'])}"] = None
        for sample in row["samples"]:
            said[f"    {escape(sample)}"] = None
    return [*said]


def verdict(told: dict[str, Any]) -> str:
    left = told["not_comparable"]
    rest = f"; {left} could not be compared" if left else ""
    if told["failed"]:
        return (
            f"[bold red]checks that do not hold: {told['failed']}[/]{rest}: "
            "see docs/runbooks/audit.md"
        )
    if not told["passed"]:
        return "[yellow]nothing could be compared[/]: that is no pass"
    return f"[green]{told['passed']} checks hold[/]{rest}"
