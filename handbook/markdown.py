"""Pieces of Markdown that several pages are made of."""

import re
from collections.abc import Iterable, Sequence

BAR = re.compile(r"`[^`]*`|(?P<bar>\|)")
CODE = re.compile(r"`[^`\n]+`")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar within a cell stays text."""
    lines = [header, ["---"] * len(header), *rows]
    cells = (map(barred, line) for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def barred(cell: str) -> str:
    """Return a cell with its bars escaped, but those in code, which need it not."""
    return BAR.sub(lambda found: "\\|" if found["bar"] else found[0], cell)


def unbarred(text: str) -> str:
    """Return a page with the bars in its code as they are.

    In a table GitHub wants them escaped even there, and Python-Markdown would show how.
    """
    return CODE.sub(lambda found: found[0].replace("\\|", "|"), text)


def code(words: Iterable[str]) -> str:
    """Return each word as code, with commas between."""
    return ", ".join(f"`{word}`" for word in words)
