"""The proof of completeness as people read it."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from expectations.ledger import by_rest

COLUMNS = {
    "in gold": "held",
    "up to id": "last_id",
    "gaps": "gaps",
    "open": "open",
    "missing": "missing",
    "absent": "absent",
    "refilled": "recovered",
}
"""What a column is called, and what it shows; narrow enough for 80 characters."""
COUNTED = {
    "last hour": "trades",
    "by REST alone": "by_rest",
    "spans": "spans",
    "at REST": "at_exchange",
    "in gold": "in_gold",
    "short": "short",
}
"""The same, of what is counted."""


def page(told: dict[str, Any]) -> RenderableType:
    """Return the symbols, the open gaps, and the verdict."""
    parts: list[RenderableType] = [symbols(told)] if told["proven"] else []
    if told["open"]:
        parts.append(gaps(told))
    if told["compared"]:
        parts.append(compared(told))
    parts.append(verdict(told))
    return Group(*parts)


def board(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        header_style="bold cyan",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def symbols(told: dict[str, Any]) -> Table:
    table = board("trade ids")
    for name in ("exchange", "symbol"):
        table.add_column(name, no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in told["symbols"]:
        colour = "bold red" if row["open"] else "green"
        table.add_row(
            row["exchange"],
            f"[{colour}]{row['symbol']}[/]",
            *(str(row[name]) for name in COLUMNS.values()),
        )
    return table


def gaps(told: dict[str, Any]) -> RenderableType:
    table = board("open gaps, the oldest first")
    for name in ("exchange", "symbol", "ids", "missing", "state", "cause", "after"):
        right = name == "missing"
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for row in told["open"]:
        table.add_row(
            row["exchange"],
            row["symbol"],
            f"{row['first_missing_id']}..{row['last_missing_id']}",
            str(row["missing"]),
            row["state"],
            row["cause"] or "-",
            row["after"][:19].replace("T", " "),
        )
    said = {
        f"{r['exchange']} said: {r['error']}": None for r in told["open"] if r["error"]
    }
    notes = [f"[yellow]{escape(each)}[/]" for each in said]
    too_wide = filter(None, map(days, told["open"]))
    return Group(table, *notes, *dict.fromkeys(too_wide))


def days(row: dict[str, Any]) -> str:
    """Return the command that brings a hole which is too wide for REST, if it is."""
    if by_rest(row["exchange"], row["missing"]):
        return ""
    return (
        f"{row['missing']:,} are too many for REST: ./bullion airflow backfill create "
        f"--dag-id backfill__{row['exchange'].lower()} "
        f"--from-date {row['after'][:10]} --to-date {row['before'][:10]} "
        "--reprocess-behavior completed"
    )


def compared(told: dict[str, Any]) -> Table:
    table = board(
        "ids that count no trades: the last hour; and of a day, spans counted at REST"
    )
    for name in ("exchange", "symbol"):
        table.add_column(name, no_wrap=True)
    for name in COUNTED:
        table.add_column(name, justify="right", no_wrap=True)
    for row in told["compared"]:
        colour = "bold red" if row["short"] else "green" if row["spans"] else "yellow"
        table.add_row(
            row["exchange"],
            f"[{colour}]{row['symbol']}[/]",
            *(str(row[name]) for name in COUNTED.values()),
        )
    return table


def verdict(told: dict[str, Any]) -> str:
    if not told["unproven"]:
        return of_ledger(told)
    names = ", ".join(told["unproven"])
    if short := sum(row["short"] for row in told["compared"]):
        said = (
            f"[bold red]{short:,} trades that REST has are not in gold[/]: {names}; "
            "see docs/runbooks/gaps.md"
        )
    else:
        said = (
            f"[yellow]not proven[/]: {names}, whose ids do not count trades; spans are "
            "counted at REST and in gold"
        )
    return f"{of_ledger(told)}\n{said}" if told["proven"] else said


def of_ledger(told: dict[str, Any]) -> str:
    """Return what is proven of the exchanges whose ids count their trades."""
    if not told["symbols"]:
        return "no trade has been entered yet: the DAG `completeness` does, each minute"
    if not any(row["open"] for row in told["symbols"]):
        return (
            "[green]complete[/]: gold holds every id since capture began, or the "
            "exchange itself does not have it"
        )
    return (
        f"[bold red]{told['missing']:,} trades are missing[/]: the DAG `completeness` "
        "asks the exchanges for them, every two minutes"
    )
