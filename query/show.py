"""Answers for people and for scripts: a table, CSV or JSON, every digit kept."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TextIO

import duckdb
from rich.console import Console
from rich.table import Table

FORMATS = ("table", "csv", "json")


def answered(
    answer: duckdb.DuckDBPyConnection,
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return an answer's column names and rows.

    By way of Arrow: DuckDB would ask for one more package to hand out zoned times.
    """
    table = answer.to_arrow_table()
    lists = [column.to_pylist() for column in table.columns]
    return list(table.column_names), list(zip(*lists, strict=True))


def plain(value: object) -> object:
    """Return what JSON can hold; decimals stay text, so that no digit is lost."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return value


def show(
    names: Sequence[str],
    rows: Sequence[Sequence[object]],
    form: str,
    out: TextIO = sys.stdout,
) -> None:
    """Write an answer in one of FORMATS."""
    values = [[plain(value) for value in row] for row in rows]
    if form == "json":
        objects = [dict(zip(names, row, strict=True)) for row in values]
        out.write(json.dumps(objects, ensure_ascii=False) + "\n")
    elif form == "csv":
        writer = csv.writer(out)
        writer.writerow(names)
        writer.writerows(values)
    else:
        table = Table(header_style="bold cyan", row_styles=("", "dim"))
        for place, name in enumerate(names):
            number = rows and isinstance(rows[0][place], int | float | Decimal)
            table.add_column(name, justify="right" if number else "left")
        for row in values:
            table.add_row(*("" if value is None else str(value) for value in row))
        Console(file=out, width=None if out.isatty() else 240).print(table)
