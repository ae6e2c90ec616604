"""Exactly the rows that gold will read next, as verdicts and as figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import duckdb_extensions
import pandas as pd
from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThanOrEqual
from pyiceberg.table import Table

from expectations.catalog import NOTHING, added_by, open_catalog, pending
from expectations.rule import Rule
from expectations.silver.trades import rules
from schemas.table import table_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """The snapshots (after, until] of a table, and what they hold."""

    after: int
    until: int
    rows: int
    verdicts: pd.DataFrame
    """A boolean column for each row rule, a line for each row."""
    figures: pd.DataFrame
    """One line: what only the batch as a whole can show."""


def consumed(checkpoint: Path) -> int:
    """Return the snapshot that a reader last finished; -1 if it has none yet."""
    commits = checkpoint / "commits"
    done = [int(file.name) for file in commits.glob("[0-9]*")] if commits.is_dir() else []
    if not done:
        return NOTHING
    lines = (checkpoint / "offsets" / str(max(done))).read_text().splitlines()
    return int(json.loads(lines[-1])["snapshot_id"])


def waiting(reads: str, writes: str, exchange: str, env: Mapping[str, str]) -> int:
    """Return how many snapshots of one table the stream into another has to read."""
    table = open_catalog(env).load_table(table_at(reads).identifier(exchange))
    return len(pending(table, consumed(checkpoint(writes, exchange, env))))


def checkpoint(address: str, exchange: str, env: Mapping[str, str]) -> Path:
    """Return the folder of the stream that writes the table at an address."""
    return Path(env["BULLION_CHECKPOINTS"]) / table_at(address).checkpoint(exchange)


def next_increment(
    reads: str, writes: str, exchange: str, env: Mapping[str, str]
) -> Increment | None:
    """Return what the stream from one table into another will read; None if nothing.

    Raises:
        HistoryGone: snapshots expired under the reader.
    """
    catalog = open_catalog(env)
    table = catalog.load_table(table_at(reads).identifier(exchange))
    after = consumed(checkpoint(writes, exchange, env))
    snapshots = pending(table, after)
    if not snapshots:
        return None
    added = [added_by(table, snapshot) for snapshot in snapshots]
    files = [file for each in added for file in each.files]
    engine = connection(env)
    candles = catalog.load_table(table_at("gold.candles_1m").identifier())
    verdicts = judged(engine, files, rules(exchange))
    return Increment(
        after=after,
        until=snapshots[0].snapshot_id,
        rows=len(verdicts),
        verdicts=verdicts,
        figures=figures(engine, files, candles, exchange, [a.notes for a in added]),
    )


def judged(
    engine: duckdb.DuckDBPyConnection, files: Sequence[str], asked: Sequence[Rule]
) -> pd.DataFrame:
    """Return a verdict for each row and rule; a million rows are some MB."""
    verdicts = ", ".join(f"{rule.verdict} AS {rule.error_reason}" for rule in asked)
    return engine.execute(f"SELECT {verdicts} FROM read_parquet($1)", [list(files)]).df()


def figures(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    candles: Table,
    exchange: str,
    notes: Sequence[Mapping[str, str]],
) -> pd.DataFrame:
    """Return one line: rows, order, delay, price against the last known, letters.

    `price_jump` is the largest factor between a trade's price and the last close that
    gold knew of its symbol, or the increment's own median where gold knew none.
    """
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE increment AS SELECT symbol, "
        "try_cast(trade_id AS HUGEINT) AS id, price::DOUBLE AS price, timestamp, "
        "ingestion_timestamp, validation_timestamp, kafka_partition, kafka_offset "
        "FROM read_parquet($1)",
        [list(files)],
    )
    engine.register("known", last_closes(engine, candles, exchange))
    line = engine.execute(FIGURES).df()
    read = sum(int(note.get("bullion.rows", 0)) for note in notes)
    passed = int(line["row_count"].iloc[0])
    line["dead_letters"] = max(read - passed, 0)
    line["dead_letter_share"] = line["dead_letters"] / max(read, passed, 1)
    # A handful of bad messages in a quiet minute is a large share of very little.
    line["blocking_share"] = line["dead_letter_share"].where(
        line["dead_letters"] >= 20, 0.0
    )
    return line


FIGURES = """
WITH near AS (
    SELECT symbol, median(price) AS price FROM increment GROUP BY symbol
), expected AS (
    SELECT near.symbol, coalesce(known.price, near.price) AS price
    FROM near LEFT JOIN known USING (symbol)
), ordered AS (
    SELECT id < lag(id) OVER (
        PARTITION BY symbol, kafka_partition ORDER BY kafka_offset) AS back
    FROM increment
)
SELECT
    (SELECT count(*) FROM increment) AS row_count,
    (SELECT count(*) FROM ordered WHERE back) AS ids_going_back,
    (SELECT coalesce(max(greatest(i.price / e.price, e.price / i.price)), 1)
       FROM increment i JOIN expected e USING (symbol)) AS price_jump,
    (SELECT coalesce(quantile_cont(
         date_diff('ms', ingestion_timestamp, validation_timestamp), 0.95), 0) / 1000
       FROM increment) AS delay_p95_s
"""


def last_closes(
    engine: duckdb.DuckDBPyConnection, candles: Table, exchange: str
) -> pd.DataFrame:
    """Return symbol and last close that gold knew in the two days up to the increment.

    The days are those of the trades and not of the clock: recordings are judged alike.
    """
    # As a number: DuckDB asks for one more package to hand out zoned times.
    asked = engine.execute("SELECT epoch_us(max(timestamp)) FROM increment").fetchone()
    newest = pd.Timestamp(asked[0] if asked else 0, unit="us", tz="UTC")
    scan = candles.scan(
        row_filter=And(
            And(
                EqualTo("exchange", exchange.upper()),
                GreaterThanOrEqual(
                    "window_start", (newest - pd.Timedelta(days=2)).isoformat()
                ),
            ),
            LessThanOrEqual("window_start", newest.isoformat()),
        ),
        selected_fields=("symbol", "window_start", "close_price"),
    )
    engine.register("closes", scan.to_arrow())
    return engine.execute(
        "SELECT symbol, arg_max(close_price, window_start)::DOUBLE AS price "
        "FROM closes GROUP BY symbol"
    ).df()


def connection(env: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB that reads the object store, in UTC."""
    engine = duckdb.connect()
    for extension in extensions():
        duckdb_extensions.import_extension(extension, con=engine)
        engine.load_extension(extension)
    engine.execute("SET timezone = 'UTC'")
    endpoint = env["BULLION_S3_ENDPOINT"]
    engine.execute(
        "CREATE SECRET (TYPE s3, KEY_ID $1, SECRET $2, REGION $3, ENDPOINT $4, "
        "URL_STYLE 'path', USE_SSL $5)",
        [
            env["BULLION_S3_ACCESS_KEY"],
            env["BULLION_S3_SECRET_KEY"],
            env["BULLION_S3_REGION"],
            endpoint.split("://")[-1],
            endpoint.startswith("https"),
        ],
    )
    return engine


@cache
def extensions() -> tuple[str, ...]:
    return ("httpfs",)
