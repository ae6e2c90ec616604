"""What a text of SQL does, told before it is run: only what reads is run."""

import re

import duckdb

from query.reading.refused import QueryRefused

READING = {"SELECT", "PRAGMA", "RELATION"}
"""Kinds of statement that change nothing, as DuckDB names them."""
OPTIONS = {"ANALYZE", "ANALYSE", "VERBOSE", "FORMAT"}
"""What may stand between EXPLAIN and what it explains, in parentheses or bare."""


def only_reads(text: str) -> None:
    """Do nothing if every statement only reads.

    Raises:
        QueryRefused: one of them does more.
    """
    more = kinds_of(text) - READING
    if more:
        raise QueryRefused(
            f"this prompt only reads, and {', '.join(sorted(more))} does more: "
            "the tables are written by the lanes alone"
        )


def kinds_of(text: str) -> set[str]:
    """Return the kinds of the statements; of an EXPLAIN, of what it explains.

    EXPLAIN ANALYZE does what it explains, so that a COPY in it writes its file.
    """
    kinds: set[str] = set()
    for statement in duckdb.extract_statements(text):
        if statement.type.name == "EXPLAIN":
            kinds |= kinds_of(explained_by(statement.query))
        else:
            kinds.add(statement.type.name)
    return kinds


def explained_by(text: str) -> str:
    """Return the statement that follows EXPLAIN, its options and comments."""
    # Comments are no tokens.
    words = [(at, word(text, at)) for at, _ in duckdb.tokenize(text)][1:]
    if words[0][1] == "(" and words[1][1] in OPTIONS:
        depth = 0
        for place, (_, each) in enumerate(words):
            depth += (each == "(") - (each == ")")
            if not depth:
                break
        words = words[place + 1 :]
    while words[0][1] in OPTIONS:
        words = words[1:]
    return text[words[0][0] :]


def word(text: str, at: int) -> str:
    """Return the word or sign that begins there, in capitals."""
    found = re.compile(r"\w+|\W").match(text, at)
    return found[0].upper() if found else ""
