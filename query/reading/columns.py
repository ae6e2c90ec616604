"""The columns of a table as DuckDB has them, where there is no snapshot to ask."""

from schemas.table import Table

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


def no_rows(table: Table) -> str:
    """Return a SELECT of a table's columns and of no row."""
    columns = ", ".join(
        f'NULL::{DUCKDB_TYPES[column.type]} AS "{column.name}"'
        for column in table.columns
    )
    return f"SELECT {columns} WHERE false"
