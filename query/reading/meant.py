"""What somebody probably meant who named what is not there."""

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from query.reading.lake import Lake

TABLE = re.compile(r"Table with name (\w+) does not exist")
MACRO = re.compile(r"Table Function with name (\w+) does not exist")
COLUMN = re.compile(
    r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"'
)
TIME = re.compile(r'(?:timestamp|date) field format: "([^"]*)"')


def explained(said: str, text: str, lake: "Lake") -> str:
    """Return DuckDB's message, with what there is and what was probably meant."""
    if found := TABLE.search(said) or MACRO.search(said):
        terms = [term.asked for term in lake.terms.values()]
        near = nearest(found[1], [*lake.names, *lake.terms])
        near = lake.terms[near].asked if near in lake.terms else near
        kind = "function" if MACRO.search(said) else "table"
        there = ", ".join((*lake.names, *terms))
        return f"no {kind} {found[1]!r}.{perhaps(near)} There are: {there}"
    if found := COLUMN.search(said):
        asked = found[1] or found[2]
        tables = columns_of(text, lake)
        known = [column for columns in tables.values() for column in columns]
        has = "".join(f" {name} has: {', '.join(tables[name])}." for name in tables)
        if tables:
            return f"no column {asked!r}.{perhaps(nearest(asked, known))}{has}"
    if found := TIME.search(said):
        return (
            f"{found[1]!r} is no time: write '2026-11-05 14:00' (UTC), "
            "'2026-11-05 14:00:00+01:00' or now() - INTERVAL 1 HOUR"
        )
    for term in lake.terms.values():
        if f"Macro {term.name}(" in said or f'macro "{term.name}"' in said:
            return f"{said.split('.')[0]}: it is asked as {term.asked}"
    return said


def columns_of(text: str, lake: "Lake") -> dict[str, list[str]]:
    """Return the columns of each table and term that a text names."""
    found: dict[str, list[str]] = {}
    for name in lake.named_in(text):
        term = lake.terms.get(name)
        if term and term.arguments:
            found[name] = list(term.columns)
            continue
        lake.view(name)
        rows = lake.engine.execute(f"DESCRIBE {name}").fetchall()
        found[name] = [str(row[0]) for row in rows]
    return found


def nearest(asked: str, known: Iterable[str]) -> str:
    """Return the name that is written most like it; empty if none is alike."""
    by_case = {name.lower(): name for name in known}
    near = difflib.get_close_matches(asked.lower(), by_case, n=1, cutoff=0.4)
    return by_case[near[0]] if near else ""


def perhaps(name: str) -> str:
    return f" Did you mean {name}?" if name else ""
