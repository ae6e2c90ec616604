"""Why an answer is empty: a symbol, an exchange or a time that gold does not have."""

import re
from typing import TYPE_CHECKING

from query.reading.meant import nearest, perhaps

if TYPE_CHECKING:
    from query.reading.lake import Lake

NAMED = re.compile(
    r"\b(symbol|exchange)\s*(?:=|IN\s*\()\s*('[^']*'(?:\s*,\s*'[^']*')*)", re.I
)
SPREAD = re.compile(r"\bspread\s*\(\s*'([^']*)'\s*,\s*'([^']*)'", re.IGNORECASE)
QUOTED = re.compile(r"'([^']*)'")
MOST = 40
"""Names that a sentence may list."""


def hints(lake: "Lake", asking: str) -> list[str]:
    """Return, of an empty answer to a question of gold, what gold does not have."""
    if not re.search(
        r"\b(gold_crypto_|candles|vwap|spread|vendor_trades)", asking, re.I
    ):
        return []
    text = "SELECT exchange, symbol, first_day, last_day FROM symbols"
    found = lake.read(text, lambda answer: answer.fetchall())
    if not found:
        return ["gold has no candles yet: ./bullion status shows how far the rows are"]
    known = {
        "exchange": sorted({row[0] for row in found}),
        "symbol": sorted({row[1] for row in found}),
    }
    said = []
    for kind, name in asked(asking):
        if name not in known[kind]:
            near = nearest(re.sub(r"[^A-Za-z0-9]", "", name), known[kind])
            there = ", ".join(known[kind][:MOST])
            more = len(known[kind]) - MOST
            there += f" and {more} more (FROM symbols)" if more > 0 else ""
            said.append(f"no {kind} {name!r}.{perhaps(near)} There are: {there}")
    if not said:
        first, last = min(row[2] for row in found), max(row[3] for row in found)
        said.append(f"gold has trades from {first} to {last} (UTC days)")
    return said


def asked(text: str) -> list[tuple[str, str]]:
    """Return the symbols and exchanges that a text compares with, in order."""
    found = [
        (kind.lower(), name)
        for kind, names in NAMED.findall(text)
        for name in QUOTED.findall(names)
    ]
    return found + [("symbol", s) for pair in SPREAD.findall(text) for s in pair]
