"""The lanes' status as people read it."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from query.completeness_view import verdict
from query.drills import drilled
from query.watch.view import incidents

COLOURS = {
    "passed": "green",
    "success": "green",
    "warning": "yellow",
    "closed": "bold red",
    "error": "bold red",
    "failed": "bold red",
}


def lanes(told: dict[str, Any]) -> RenderableType:
    """Return the tables of lanes and dead letters."""
    return Group(
        lane_table(told),
        *map(what_next, told["lanes"]),
        letters(told),
        verdict(told["completeness"]),
        drilled(told["drill"]),
        incidents(told),
    )


def what_next(lane: dict[str, Any]) -> RenderableType:
    """Return what to do about a lane that is closed; nothing about another."""
    if (lane["last_gate"] or {}).get("outcome") != "closed":
        return Group()
    exchange = lane["exchange"]
    return (
        f"[bold red]the lane of {exchange} is closed[/]: nothing new goes to gold "
        "until its gate passes. Look, and decide: ./bullion airflow dags trigger "
        f'release_lane -c \'{{"exchange": "{exchange}"}}\', then Browse > Required '
        "Actions in Airflow; see docs/runbooks/closed-lane.md"
    )


def lane_table(told: dict[str, Any]) -> Table:
    table = Table(title="lanes", title_justify="left", header_style="bold cyan")
    for name in ("exchange", "layer", "rows", "last commit", "fresh"):
        table.add_column(name, justify="right" if name in ("rows", "fresh") else "left")
    for name in ("Kafka lag", "last gate", "last run", "next run"):
        table.add_column(name)
    for lane in told["lanes"]:
        gate = lane["last_gate"] or {}
        outcome = gate.get("outcome", "none yet")
        why = f" ({', '.join(gate['failed'])})" if gate.get("failed") else ""
        run = lane["last_run"] or "none yet"
        for number, (name, layer) in enumerate(lane["layers"].items()):
            fresh = layer["freshness_s"]
            table.add_row(
                f"[bold]{lane['exchange']}[/]" if number == 0 else "",
                name,
                f"{layer['rows']:,}",
                (layer["last_commit"] or "never")[:19].replace("T", " "),
                "" if fresh is None else f"{fresh:,.0f} s",
                str(lane["kafka_lag"]) if number == 0 else "",
                coloured(outcome, outcome + why) if number == 1 else "",
                coloured(run, run) if number == 1 else "",
                str(lane["next_run"] or "")[11:19] if number == 1 else "",
            )
        table.add_section()
    return table


def coloured(state: str, text: str) -> str:
    return f"[{COLOURS.get(state, 'default')}]{text}[/]"


def letters(told: dict[str, Any]) -> RenderableType:
    found = told["dead_letters"]
    if not found["total"]:
        return "dead letters: [green]none[/]"
    table = Table(title="dead letters", title_justify="left", header_style="bold cyan")
    for name in ("exchange", "stage", "reason"):
        table.add_column(name)
    for name in ("rows", "recovered", "returned"):
        table.add_column(name, justify="right")
    for row in found["by_reason"]:
        table.add_row(*(str(value) for value in row.values()))
    return table
