"""Trades with the exchanges' own fields as columns."""

import duckdb

from query.reading.terms import Term
from schemas.table import table_at

GOLD = table_at("gold.trades")
TRADES = GOLD.stored_as
NAME = "vendor_trades"
NEWEST = f"SELECT epoch_us(max(timestamp)) FROM {TRADES}"
FIELDS = f"""
SELECT DISTINCT unnest(map_keys(vendor_data)) AS field FROM {TRADES}
WHERE timestamp > make_timestamptz($1) - INTERVAL 1 HOUR ORDER BY ALL"""


def define(engine: duckdb.DuckDBPyConnection) -> None:
    """Make the view, with a column for each field that the newest hour has."""
    newest = engine.execute(NEWEST).fetchone()
    found: list[str] = []
    if newest and newest[0] is not None:
        found = [row[0] for row in engine.execute(FIELDS, [newest[0]]).fetchall()]
    columns = "".join(
        f", vendor_data[{literal(field)}] AS {quoted(column_of(field))}"
        for field in found
    )
    engine.execute(f"CREATE OR REPLACE VIEW {NAME} AS SELECT *{columns} FROM {TRADES}")


def column_of(field: str) -> str:
    """Return the field's column: its name, or `vendor_...` where a trade has that."""
    own = {column.name for column in GOLD.columns}
    return f"vendor_{field}" if field.lower() in own else field


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


TERM = Term(
    name=NAME,
    about=(
        "Each trade once, and the fields of vendor_data as columns: those that occur "
        "in gold's newest hour. NULL where an exchange lacks it; a rarer field is "
        "vendor_data['name']. A field that a column of trades is named like is "
        "`vendor_...`."
    ),
    reads=(TRADES,),
    define=define,
)
