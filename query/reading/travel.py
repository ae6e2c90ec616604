"""Time travel in SQL: `FROM table AT (TIMESTAMP => '...')`, or `(VERSION => id)`."""

import re
from collections.abc import Callable, Collection

from query.reading.refused import QueryRefused

AT = re.compile(
    r"\b(\w+)\s+AT\s*\(\s*(TIMESTAMP|VERSION)\s*=>\s*"
    r"(?:TIMESTAMPTZ\s+|TIMESTAMP\s+)?('[^']*'|\d+)\s*\)",
    re.IGNORECASE,
)
"""As DuckDB writes it, which knows it of catalogs that it opened itself alone."""


def travelled(
    text: str, names: Collection[str], at: Callable[[str, str | int], str]
) -> str:
    """Return the text with the view that `at` makes in the place of each such table.

    Raises:
        QueryRefused: what is no number stands for a snapshot.
    """

    def view(found: re.Match[str]) -> str:
        name, said = found[1].lower(), found[3].strip("'")
        if name not in names:
            return found[0]
        if found[2].upper() == "TIMESTAMP":
            return at(name, said)
        if not said.isdigit():
            raise QueryRefused(f"{said!r} is no snapshot: its id is a number")
        return at(name, int(said))

    return AT.sub(view, text)
