"""What the documents tell people to type is there: commands, queries, DAGs."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from handbook.dags import SLOT, all_dags
from handbook.markdown import unbarred
from query.__main__ import arguments
from query.catalog import unions
from query.reading.columns import no_rows
from query.reading.exact import make_known
from query.reading.terms import all_terms
from query.watch.kinds import ADVICE
from schemas.table import ROOT, all_exchanges, all_tables
from stack.__main__ import parsed

TYPED = re.compile(
    r"""\./bullion\ (?: "(?:\\.|[^"\\])*" | '[^']*' | \\\n
                      | (?!\s+\#)(?!\.\.) [^\n"'`|;)] )+""",
    re.VERBOSE,
)
"""A command in a block or a line of text, up to a comment, a pipe or the line's end."""
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def typed(file: Path) -> Iterator[list[str]]:
    """Return the words of each command that a document names."""
    text = unbarred(file.read_text()).replace(SLOT, all_exchanges()[0])
    for found in TYPED.findall(text):
        words = shlex.split(found.replace("$new", all_exchanges()[0]))[1:]
        # A sentence that goes on behind a command, as ADVICE has them, is not typed.
        yield [word.rstrip(",.:") for word in words]


COMMANDS = {file.name: list(typed(file)) for file in DOCUMENTS}
QUERIES = [
    pytest.param(words[1], id=f"{name}-{number}")
    for name, commands in COMMANDS.items()
    for number, words in enumerate(commands)
    if words[0] == "sql" and len(words) > 1 and words[1] != "SELECT "
    # Its examples are run on tables with trades in them: tests/query has them.
    and name != "reading.md"
]
ADDED = "ALTER TABLE gold_crypto_trades ADD COLUMN venue VARCHAR"
"""The field that runbooks/add-a-field.md adds, for an example."""


def test_documents_are_read_at_all() -> None:
    assert sum(map(len, COMMANDS.values())) > 100 and len(QUERIES) > 30
    assert COMMANDS["first-hour.md"] and COMMANDS["README.md"] and COMMANDS["gaps.md"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_one_that_there_is(name: str) -> None:
    for words in COMMANDS[name]:
        # SystemExit says which word nobody knows.
        assert parsed(words).command == words[0]
        if words[0] == "sql":
            assert arguments().parse_args(words)


def test_a_dag_that_is_triggered_is_one_that_there_is() -> None:
    known = {
        dag.dag_id.replace(SLOT, exchange)
        for dag in all_dags()
        for exchange in all_exchanges()
    }
    told = []
    for words in (words for commands in COMMANDS.values() for words in commands):
        match words:
            case ["airflow", "dags", "trigger" | "list-runs", dag_id, *more]:
                told.append(dag_id)
                if "-c" in more:
                    assert json.loads(more[more.index("-c") + 1])
            case ["airflow", "backfill", "create", "--dag-id", dag_id, *_]:
                told.append(dag_id)
    assert len(told) > 5 and set(told) <= known


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    """Every table of the lake, without rows, under its name."""
    engine = duckdb.connect()
    make_known(engine)
    engine.execute("SET TimeZone = 'UTC'")
    for table in all_tables():
        for identifier in table.identifiers(all_exchanges()):
            name = identifier.split(".")[-1]
            engine.execute(f"CREATE TABLE {name} AS {no_rows(table)}")
    for view, parts in unions(all_exchanges()).items():
        union = " UNION ALL ".join(f"SELECT * FROM {part}" for part in parts)
        engine.execute(f"CREATE VIEW {view} AS {union}")
    engine.execute(ADDED)
    for term in all_terms():
        term.define(engine)
    return engine


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_tables_and_columns_that_there_are(
    engine: duckdb.DuckDBPyConnection, query: str
) -> None:
    engine.execute(query).fetchall()


def test_alerts_name_pages_that_there_are() -> None:
    assert [a.page for a in ADVICE.values() if not (ROOT / a.page).is_file()] == []
