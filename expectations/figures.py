"""What the files of an increment show: a verdict a row, and one line for them all."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

import duckdb
import pandas as pd
from pyiceberg.table import Table

from expectations.decisions import NOBODY, Exempt
from expectations.rule import Rule, given

KNOWN_FOR = timedelta(days=2)
"""How old a close may be to say what a price should be near."""

MOST_JUMP = 2
"""The factor by which a price may be away from the last known."""

ROWS = "read_parquet($1, filename = true)"
LEFT = f"(SELECT * FROM {ROWS} ANTI JOIN refused USING (symbol, trade_id))"
"""Those rows that nobody refused; see `Exempt.load` for both tables."""
ADMITTED = "parse_filename(filename) IN (SELECT file FROM admitted WHERE name = '{}')"
"""Whether a row need not meet an expectation, for a person said so."""

INCREMENT = f"""
CREATE OR REPLACE TEMP TABLE increment AS
SELECT symbol, timestamp::DATE AS day, try_cast(trade_id AS HUGEINT) AS id,
       price::DOUBLE AS price, kafka_partition, kafka_offset,
       {ADMITTED.format('price_jump')} AS admitted,
       date_diff('ms', ingestion_timestamp, validation_timestamp) / 1000 AS delay_s
FROM {LEFT}
"""

# A batch may hold days that lie years apart: each is compared with its own. A price
# that a person admitted is another one that others may be near.
EXPECTED = """
CREATE OR REPLACE TEMP TABLE expected AS
WITH days AS (
    SELECT symbol, day, median(price) AS median FROM increment GROUP BY ALL
)
SELECT symbol, day, coalesce(
    (SELECT arg_max(close, window_start) FROM closes
     WHERE closes.symbol = days.symbol
       AND window_start < days.day + INTERVAL 1 DAY
       AND window_start >= days.day - to_days($1)), median) AS price
FROM days
"""
FIGURES = """
WITH known AS (
    SELECT symbol, median(price) AS price FROM increment WHERE admitted GROUP BY ALL
), ordered AS (
    SELECT id < lag(id) OVER (
        PARTITION BY symbol, kafka_partition ORDER BY kafka_offset) AS back
    FROM increment
)
SELECT
    (SELECT count(*) FROM increment) AS judged,
    (SELECT count(*) FROM ordered WHERE back) AS ids_going_back,
    (SELECT coalesce(max(least(greatest(i.price / e.price, e.price / i.price),
                               greatest(i.price / k.price, k.price / i.price))), 1)
       FROM increment i JOIN expected e USING (symbol, day)
       LEFT JOIN known k USING (symbol) WHERE NOT i.admitted) AS price_jump,
    (SELECT coalesce(quantile_cont(delay_s, 0.95), 0) FROM increment) AS delay_p95_s
"""


def judged(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    asked: Sequence[Rule],
    exempt: Exempt = NOBODY,
) -> pd.DataFrame:
    """Return a verdict for each row and rule; a million rows are some MB."""
    if not exempt:
        sql = verdicts("read_parquet($1)", asked)
    else:
        exempt.load(engine)
        sql = verdicts(LEFT, asked, exempt.names())
    return engine.execute(sql, [list(files)]).df()


def verdicts(
    rows: str, asked: Sequence[Rule], admitted: Collection[str] = frozenset()
) -> str:
    """Return DuckDB SQL for a boolean of each row and rule, a column for each rule.

    Rules that are `admitted` are met by whoever need not meet them, too.
    """
    first = "".join(f", {sql} AS {name}" for name, sql in given(asked).items())
    each = ", ".join(
        f"{rule.verdict}"
        + (
            f" OR {ADMITTED.format(rule.error_reason)}"
            if rule.error_reason in admitted
            else ""
        )
        + f" AS {rule.error_reason}"
        for rule in asked
    )
    return f"SELECT {each} FROM (SELECT *{first} FROM {rows})"


def figures(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    candles: Table,
    exchange: str,
    notes: Sequence[Mapping[str, str]],
    exempt: Exempt = NOBODY,
) -> pd.DataFrame:
    """Return one line: rows, order, delay, price against the last known, letters.

    `price_jump` is the largest factor between a trade's price and the last close that
    gold knew of its symbol up to that day, else the median of the day's trades here.
    `notes` are those of the snapshots whose dead letters count.
    """
    expect_prices(engine, files, candles, exchange, exempt)
    line = engine.execute(FIGURES).df()
    found = engine.execute(f"SELECT count(*) FROM {ROWS}", [list(files)]).fetchone()
    assert found is not None
    # Those that were refused are rows too: without any, nothing would be asked.
    line["row_count"] = found[0]
    read = sum(int(note.get("bullion.rows", 0)) for note in notes)
    passed = sum(int(note.get("added-records", 0)) for note in notes)
    line["dead_letters"] = max(read - passed, 0)
    line["dead_letter_share"] = line["dead_letters"] / max(read, passed, 1)
    # A handful of bad messages in a quiet minute is a large share of very little.
    line["blocking_share"] = line["dead_letter_share"].where(
        line["dead_letters"] >= 20, 0.0
    )
    return line


def expect_prices(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    candles: Table,
    exchange: str,
    exempt: Exempt = NOBODY,
) -> None:
    """Put the rows into `increment`, and what their prices should be near beside it."""
    exempt.load(engine)
    engine.execute(INCREMENT, [list(files)])
    days = engine.execute("SELECT DISTINCT day FROM increment ORDER BY day").fetchall()
    load_closes(engine, candles, exchange, [day for (day,) in days])
    engine.execute(EXPECTED, [KNOWN_FOR.days])


def load_closes(
    engine: duckdb.DuckDBPyConnection,
    candles: Table,
    exchange: str,
    days: Sequence[date],
) -> None:
    """Load what gold knew of these days, and just before them, as `closes`.

    The days are those of the trades and not of the clock: recordings are judged alike.
    """
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE closes "
        "(symbol VARCHAR, window_start TIMESTAMPTZ, close DOUBLE)"
    )
    for first, last in spans(days):
        scan = candles.scan(
            row_filter=f"exchange = '{exchange.upper()}' AND "
            f"window_start >= '{first - KNOWN_FOR}T00:00:00+00:00' AND "
            f"window_start < '{last + timedelta(days=1)}T00:00:00+00:00'",
            selected_fields=("symbol", "window_start", "close_price"),
        )
        engine.register("found", scan.to_arrow())
        engine.execute(
            "INSERT INTO closes SELECT symbol, window_start, close_price " "FROM found"
        )
        engine.unregister("found")


def spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """Return ascending days as first and last of each row of them that may touch."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] <= KNOWN_FOR + timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
