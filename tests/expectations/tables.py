"""A real Iceberg catalog and tables in a folder, for one test."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from schemas.table import CATALOG, NAMESPACE, table_at
from tests.expectations.cases import trade_row

ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "decimal(38, 18)": pa.decimal128(38, 18),
    "map<string, string>": pa.map_(pa.string(), pa.string()),
}


def lake(folder: Path) -> SqlCatalog:
    """Return the catalog `lake` over SQLite, with its namespace."""
    catalog = SqlCatalog(
        CATALOG, uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}"
    )
    catalog.create_namespace_if_not_exists(NAMESPACE)
    return catalog


def schema_of(address: str) -> pa.Schema:
    """Return the table's columns but arrays, which nobody here reads."""
    return pa.schema(
        [
            (column.name, ARROW[column.type])
            for column in table_at(address).columns
            if column.type in ARROW
        ]
    )


def created(catalog: SqlCatalog, address: str, exchange: str) -> Table:
    return catalog.create_table(
        table_at(address).identifier(exchange), schema=schema_of(address)
    )


def append(
    table: Table, address: str, rows: Sequence[Mapping[str, Any]], **notes: str
) -> int:
    """Append the rows in one commit with these notes; return its snapshot's id."""
    frame = pa.Table.from_pylist([dict(row) for row in rows], schema_of(address))
    table.append(frame, snapshot_properties=notes)
    snapshot = table.current_snapshot()
    assert snapshot
    return snapshot.snapshot_id


def trades(exchange: str, ids: Sequence[int], **changes: Any) -> list[dict[str, Any]]:
    """Return one sound silver row for each id, at the offset of the same number."""
    return [
        trade_row(exchange, trade_id=str(each), kafka_offset=each, **changes)
        for each in ids
    ]
