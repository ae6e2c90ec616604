"""Settings that no program reads: misspelt ones, and those that were renamed."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from schemas.table import all_exchanges, all_tables
from stack.place import REPO

NAME = re.compile(r"\bBULLION_[A-Z0-9_]*[A-Z0-9]\b")
EXAMPLE = ".env.example"
RENAMED = {
    "BULLION_WATCH_OPEN_AFTER": (
        "set BULLION_WATCH_OPEN_AFTER_S, which counts seconds (45) and not looks"
    ),
    "BULLION_WATCH_CLOSE_AFTER": (
        "set BULLION_WATCH_CLOSE_AFTER_S, which counts seconds (45) and not looks"
    ),
}
"""What was a setting once, and what to type now."""


def unknown(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each setting that has a value and that nobody reads, and its remedy."""
    names = known()
    for name, value in sorted(settings.items()):
        if value and name.startswith("BULLION_") and name not in names:
            yield name, RENAMED.get(name) or likely(name, names)


def likely(name: str, names: set[str]) -> str:
    """Return what a person may have meant, or how to be rid of it."""
    near = get_close_matches(name, sorted(names), n=1, cutoff=0.85)
    if near:
        return f"did you mean {near[0]}? {EXAMPLE} has every setting"
    return f"take it away: {EXAMPLE} has every setting"


def known() -> set[str]:
    """Return every setting's name, as the example has them, for what there is here."""
    told = set(NAME.findall((REPO / EXAMPLE).read_text()))
    told |= {
        name.replace("ACME", exchange.upper())
        for name in told
        if "ACME" in name
        for exchange in all_exchanges()
    }
    return told | {table.keep_setting for table in all_tables()}
