"""The proof of completeness as people read it."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

NUMBERS = ("first id", "last id", "in gold", "lacking", "gaps", "open", "filled")


def page(told: dict[str, Any]) -> RenderableType:
    """Return the symbols, the open gaps, and the verdict."""
    parts: list[RenderableType] = [symbols(told)]
    if told["open"]:
        parts.append(gaps(told))
    parts.append(verdict(told))
    return Group(*parts)


def symbols(told: dict[str, Any]) -> Table:
    table = Table(title="trade ids", title_justify="left", header_style="bold cyan")
    for name in ("exchange", "symbol", *NUMBERS, "absent", "recovered", "since"):
        right = name in (*NUMBERS, "absent", "recovered")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for row in told["symbols"]:
        colour = "bold red" if row["open"] else "green"
        table.add_row(
            row["exchange"],
            f"[{colour}]{row['symbol']}[/]",
            *(
                f"{row[name]:,}"
                for name in ("first_id", "last_id", "held", "lacking", "gaps", "open")
            ),
            *(f"{row[name]:,}" for name in ("filled", "absent", "recovered")),
            row["since"][:16].replace("T", " "),
        )
    return table


def gaps(told: dict[str, Any]) -> Table:
    table = Table(
        title="open gaps, the oldest first",
        title_justify="left",
        header_style="bold cyan",
    )
    for name in ("exchange", "symbol", "missing ids", "how many", "state", "after"):
        table.add_column(name, justify="right" if name == "how many" else "left")
    table.add_column("what the exchange said", overflow="fold")
    for row in told["open"]:
        table.add_row(
            row["exchange"],
            row["symbol"],
            f"{row['first_missing_id']}..{row['last_missing_id']}",
            f"{row['missing']:,}",
            row["state"],
            row["after"][:19].replace("T", " "),
            row["error"],
        )
    return table


def verdict(told: dict[str, Any]) -> str:
    if not told["symbols"]:
        return "no trade has been entered yet: is `completeness` running in Airflow?"
    if told["complete"]:
        return (
            "[green]complete[/]: gold holds every id between each symbol's first and "
            "last, or the exchange itself does not have it"
        )
    return (
        f"[bold red]{told['missing']:,} trades are missing[/]: the DAG `completeness` "
        "asks the exchanges for them, every two minutes"
    )
