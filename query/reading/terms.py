"""What may stand after FROM beside the tables, by the field's own terms."""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import fill

import duckdb


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A view, or a macro if it has arguments, that is made when a query names it."""

    name: str
    arguments: str = ""
    about: str
    reads: tuple[str, ...]
    """The tables and terms that must be known before it."""
    define: Callable[[duckdb.DuckDBPyConnection], None]
    columns: tuple[str, ...] = ()
    """Of a macro, which cannot be described without arguments."""

    @property
    def asked(self) -> str:
        """How it is written, such as `vwap(since, until)`."""
        return self.name + self.arguments


def all_terms() -> tuple[Term, ...]:
    """Return every term."""
    from query.reading import candles, spread, symbols, vendor, vwap

    return (candles.TERM, vwap.TERM, spread.TERM, vendor.TERM, symbols.TERM)


def told() -> str:
    """Return what all terms are, for people."""
    return "\n".join(
        f"{term.asked}\n{indented(term.about)}"
        + (indented(f"Columns: {', '.join(term.columns)}.") if term.columns else "")
        for term in all_terms()
    )


def indented(text: str) -> str:
    return fill(text, 84, initial_indent="    ", subsequent_indent="    ") + "\n"
