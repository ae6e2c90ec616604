"""The tables by name in DuckDB, each at the snapshot that is current now."""

import difflib
import re
from pathlib import Path

import duckdb
import duckdb_extensions
from pyiceberg.catalog import Catalog

from query import candles
from query.catalog import identifier, open_catalog, table_names, unions
from query.settings import Settings

READING = {"SELECT", "PRAGMA", "RELATION"}
"""Kinds of statement that change nothing, as DuckDB names them."""
OPTIONS = {"ANALYZE", "ANALYSE", "VERBOSE", "FORMAT"}
"""What may stand between EXPLAIN and what it explains, in parentheses or bare."""
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "binary": "BLOB",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "decimal(38, 18)": "DECIMAL(38, 18)",
    "map<string, string>": "MAP(VARCHAR, VARCHAR)",
    "array<struct<key: string, value: binary>>": (
        'STRUCT("key" VARCHAR, "value" BLOB)[]'
    ),
}


class QueryRefused(Exception):
    """A query that cannot be answered; the message says what could be meant."""


class Lake:
    """A connection that knows the lake's tables; they are looked up when named."""

    def __init__(self, settings: Settings, catalog: Catalog | None = None) -> None:
        self.settings = settings
        self.catalog = catalog or open_catalog(settings)
        self.engine = connection(settings)
        self._made: set[str] = set()

    def __enter__(self) -> "Lake":
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that may stand after FROM."""
        exchanges = self.settings.exchanges
        return (*table_names(exchanges), *unions(exchanges))

    def query(self, text: str) -> duckdb.DuckDBPyConnection:
        """Return the connection with the answer of the last statement ready.

        Raises:
            QueryRefused: it would write, or names what is not there.
        """
        try:
            kinds = kinds_of(text)
            if not kinds <= READING:
                raise QueryRefused(
                    f"this prompt only reads, and {', '.join(kinds - READING)} does "
                    "more: the tables are written by the lanes alone"
                )
            for name in self.names:
                if re.search(rf"\b{name}\b", text, re.IGNORECASE):
                    self.view(name)
            if re.search(rf"\b{candles.NAME}\s*\(", text, re.IGNORECASE):
                self.candles()
            return self.engine.execute(text)
        except duckdb.Error as error:
            raise QueryRefused(self.explained(str(error))) from error

    def view(self, name: str) -> None:
        """Make the view of a table at its current snapshot, once a connection."""
        if name in self._made:
            return
        self._made.add(name)
        parts = unions(self.settings.exchanges).get(name)
        if parts is None:
            self.engine.execute(f"CREATE VIEW {name} AS {self.source(name)}")
            return
        for part in parts:
            self.view(part)
        whole = " UNION ALL BY NAME ".join(
            f"SELECT *{self.named(part)} FROM {part}" for part in parts
        )
        self.engine.execute(f"CREATE VIEW {name} AS {whole}")

    def candles(self) -> None:
        """Make candles of any width known, once a connection."""
        if candles.NAME in self._made:
            return
        for table in (candles.FINEST, *candles.TABLES):
            self.view(table)
        candles.define(self.engine)
        self._made.add(candles.NAME)

    def named(self, part: str) -> str:
        """Return the column that says whose rows these are, where none does."""
        table, exchange = table_names(self.settings.exchanges)[part]
        if any(column.name == "exchange" for column in table.columns):
            return ""
        return f", '{exchange.upper()}' AS exchange"

    def source(self, name: str) -> str:
        """Return the SELECT that reads a table now; no rows if it has no snapshot."""
        spec, _ = table_names(self.settings.exchanges)[name]
        table = self.catalog.load_table(
            identifier(self.catalog, name, self.settings.exchanges)
        )
        if table.current_snapshot() is None:
            columns = ", ".join(
                f'NULL::{DUCKDB_TYPES[column.type]} AS "{column.name}"'
                for column in spec.columns
            )
            return f"SELECT {columns} WHERE false"
        return f"SELECT * FROM iceberg_scan('{table.metadata_location}')"

    def explained(self, said: str) -> str:
        """Return DuckDB's message, with what there is and what was probably meant."""
        unknown = re.search(r"Table with name (\w+) does not exist", said)
        if unknown:
            near = difflib.get_close_matches(unknown[1], self.names, n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]}?" if near else ""
            return f"no table {unknown[1]!r}.{hint} There are: {', '.join(self.names)}"
        return said


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


def connection(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB with its extensions from wheels, in UTC, reading the store."""
    engine = duckdb.connect()
    for name in ("avro", "iceberg", "httpfs"):
        duckdb_extensions.import_extension(name, con=engine)
        engine.load_extension(name)
    engine.execute("SET timezone = 'UTC'")
    if settings.s3_endpoint:
        engine.execute(
            "CREATE SECRET (TYPE s3, KEY_ID $1, SECRET $2, REGION $3, ENDPOINT $4, "
            "URL_STYLE 'path', USE_SSL $5)",
            [
                settings.s3_access_key,
                settings.s3_secret_key,
                settings.s3_region,
                settings.s3_endpoint.split("://")[-1],
                settings.s3_endpoint.startswith("https"),
            ],
        )
    return engine


def history_file() -> Path:
    """Return where the prompt remembers what was asked."""
    return Path.home() / ".bullion_sql_history"
