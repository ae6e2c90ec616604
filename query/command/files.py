"""Answers as files: Parquet, Arrow, CSV or JSON, whole or not at all."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import duckdb
import pyarrow as pa
from pyarrow import parquet

from query.reading.lake import Lake
from query.reading.refused import QueryRefused
from query.show import answered, show

BINARY = ("parquet", "arrow")
ENDINGS = {f".{form}": form for form in (*BINARY, "csv", "json")}
BATCH = 100_000
"""Rows that are in memory at once, however many there are."""


def form_of(file: Path) -> str:
    """Return the format that a file's name asks for; a table if it is no other's."""
    return ENDINGS.get(file.suffix, "table")


def write(lake: Lake, text: str, form: str, file: Path) -> int:
    """Write a query's answer and return its number of rows.

    The file takes its name when it is whole; one that was there is replaced then.

    Raises:
        QueryRefused: the query would write, or names what is not there; or the folder
            is not there.
    """
    if not file.parent.is_dir():
        raise QueryRefused(f"there is no folder {file.parent}")
    unready = file.with_name(f".{file.name}.{os.getpid()}")

    def take(answer: duckdb.DuckDBPyConnection) -> int:
        with unready.open("wb") as out:
            return written(answer, form, out)

    try:
        rows = lake.read(text, take)
        unready.replace(file)
    finally:
        unready.unlink(missing_ok=True)
    return rows


def pour(lake: Lake, text: str, form: str, out: BinaryIO) -> int:
    """Write an answer of Parquet or Arrow to a pipe, once all of it is there.

    Raises:
        QueryRefused: a person would see the bytes.
    """
    if out.isatty():
        raise QueryRefused(f"{form} is not for the eye: say where to, as -o x.{form}")
    table = lake.arrow(text)
    with writer(form)(out, table.schema) as file:
        file.write_table(table)
    return int(table.num_rows)


def written(answer: duckdb.DuckDBPyConnection, form: str, out: BinaryIO) -> int:
    if form not in BINARY:
        names, rows = answered(answer)
        text = open(os.dup(out.fileno()), "w", newline="")
        with text:
            show(names, rows, form, text)
        return len(rows)
    count: int = 0
    reader = answer.to_arrow_reader(BATCH)
    with writer(form)(out, reader.schema) as file:
        for batch in batches(reader):
            count += int(batch.num_rows)
            file.write_batch(batch)
    return count


def batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield what DuckDB reads, with its errors as its own and not as the disk's.

    Arrow hands them on as OSError, which a full disk is too.
    """
    try:
        yield from reader
    except OSError as error:
        raise duckdb.IOException(str(error)) from error


def writer(form: str) -> Callable[[BinaryIO, pa.Schema], pa.RecordBatchFileWriter]:
    opens: Callable[[BinaryIO, pa.Schema], pa.RecordBatchFileWriter] = (
        parquet.ParquetWriter if form == "parquet" else pa.ipc.new_file
    )
    return opens
