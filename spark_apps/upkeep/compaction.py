"""Small files of closed hours become few; those of closed partitions are sorted too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from pyspark.sql import SparkSession

from schemas.table import CATALOG, Table
from spark_apps.upkeep.partition import TimePartition
from spark_apps.upkeep.utc import at_ms, literal

MB = 1024 * 1024
SMALL = 0.75
"""A file below this part of its target size is small; Iceberg thinks so too."""
MANY = 5
"""Small files from which on a rewrite is worth its cost in any case."""
SETTLED = timedelta(minutes=10)
"""How long after its end an hour is closed: its last trades have come through."""
MOST_BYTES = 2048 * MB
"""What one run rewrites of a table; the rest waits for the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """What the files metadata says of one file."""

    partition: int
    bytes: int
    last: datetime | None = None
    """Time of its newest row."""
    low: str | None = None
    high: str | None = None
    """Range of the first column by which the table is sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """A stretch of a table's time that is to be written anew."""

    begin: datetime
    end: datetime
    sort: bool
    """Every file of it, sorted; else its small files, as they are."""
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """What became of a rewrite."""

    files: int
    into: int
    bytes: int
    failed: int
    """Files whose rewrite met another commit, or an error, and stay as they were."""


def planned(
    table: Table,
    cut: TimePartition,
    files: Iterable[DataFile],
    now: datetime,
    dropped_before: int | None = None,
) -> tuple[Rewrite, ...]:
    """Return what is worth rewriting, the newest first.

    What retention is about to drop, partitions before `dropped_before`, is left alone.
    Of a table whose rows are updated only closed partitions are touched: its writer
    rewrites files of the open one all the time, and one of the two would lose.
    """
    hour = (now - SETTLED).replace(minute=0, second=0, microsecond=0)
    updated = any(column.name == "updated_at" for column in table.columns)
    found = []
    in_order = sorted(files, key=lambda file: file.partition)
    for number, group in groupby(in_order, key=lambda file: file.partition):
        begin, end = cut.begin(number), cut.begin(number + 1)
        if dropped_before is not None and number < dropped_before:
            continue
        if end <= hour:
            found += _closed(table, begin, end, list(group))
        elif not updated:
            past = [each for each in group if each.last and each.last < hour]
            found += _open(table, begin, hour, past)
    return tuple(reversed(_joined(found)))


def _closed(
    table: Table, begin: datetime, end: datetime, files: Sequence[DataFile]
) -> list[Rewrite]:
    small, large = _by_size(table, files)
    total, little = sum(f.bytes for f in files), sum(f.bytes for f in small)
    # Two files of which one would come; a sorted rewrite may well leave two.
    many = len(small) >= MANY or (
        len(small) > 1 and little <= table.target_file_mb * MB
    )
    if table.sorted_by and (mixed(large) or (many and little > total / 4)):
        sizes = {"files": len(files), "bytes": total}
        return [Rewrite(begin=begin, end=end, sort=True, **sizes)]
    if many:
        sizes = {"files": len(small), "bytes": little}
        return [Rewrite(begin=begin, end=end, sort=False, **sizes)]
    return []


def _open(
    table: Table, begin: datetime, end: datetime, files: Sequence[DataFile]
) -> list[Rewrite]:
    small, _ = _by_size(table, files)
    if len(small) < MANY:
        return []
    size = sum(file.bytes for file in small)
    return [Rewrite(begin=begin, end=end, sort=False, files=len(small), bytes=size)]


def _by_size(
    table: Table, files: Sequence[DataFile]
) -> tuple[list[DataFile], list[DataFile]]:
    least = table.target_file_mb * MB * SMALL
    return (
        [file for file in files if file.bytes < least],
        [file for file in files if file.bytes >= least],
    )


def mixed(files: Sequence[DataFile]) -> bool:
    """Return whether the ranges of sorted files meet in more than their ends."""
    ranges = sorted((f.low, f.high) for f in files if f.low and f.high)
    reach = ""
    for low, high in ranges:
        if reach and low < reach:
            return True
        reach = max(reach, high)
    return False


def _joined(found: Sequence[Rewrite]) -> list[Rewrite]:
    """Make one rewrite of neighbours, which then share a start and a commit."""
    whole: list[Rewrite] = []
    for each in found:
        last = whole[-1] if whole else None
        if (
            last
            and (last.end, last.sort) == (each.begin, each.sort)
            and last.bytes + each.bytes <= MOST_BYTES
        ):
            whole[-1] = replace(
                last,
                end=each.end,
                files=last.files + each.files,
                bytes=last.bytes + each.bytes,
            )
        else:
            whole.append(each)
    return whole


def affordable(found: Sequence[Rewrite]) -> Sequence[Rewrite]:
    """Return the first of them that MOST_BYTES allows in one run, at least one."""
    spent = 0
    for place, each in enumerate(found):
        spent += each.bytes
        if place and spent > MOST_BYTES:
            return found[:place]
    return found


def files_of(
    spark: SparkSession, identifier: str, table: Table, cut: TimePartition
) -> list[DataFile]:
    """Return the data files of a table's head, from its metadata alone."""
    key = f"readable_metrics.`{table.sorted_by[0]}`" if table.sorted_by else ""
    low, high = (f"{key}.{end}_bound" if key else "NULL" for end in ("lower", "upper"))
    rows = spark.sql(f"""
        SELECT {cut.number("partition")} AS number, file_size_in_bytes AS bytes,
               unix_millis(readable_metrics.`{cut.column}`.upper_bound) AS last,
               cast({low} AS string) AS low, cast({high} AS string) AS high
        FROM {CATALOG}.{identifier}.files WHERE content = 0
        """).collect()
    return [
        DataFile(
            partition=row.number,
            bytes=row.bytes,
            last=None if row.last is None else at_ms(row.last),
            low=row.low,
            high=row.high,
        )
        for row in rows
        if row.number is not None
    ]


def rewrite(
    spark: SparkSession, identifier: str, cut: TimePartition, plan: Rewrite
) -> Rewritten:
    """Do what was planned; a part that meets another commit stays as it was.

    One group of files at a time: the lanes need the other core. Each part is a commit
    of its own, so that the others hold when one fails.
    """
    options = {
        "max-concurrent-file-group-rewrites": "1",
        "partial-progress.enabled": "true",
        "partial-progress.max-commits": "10",
        "min-input-files": "2",
        **({"rewrite-all": "true"} if plan.sort else {}),
    }
    said = ", ".join(f"'{key}', '{value}'" for key, value in options.items())
    row = spark.sql(f"""
        CALL {CATALOG}.system.rewrite_data_files(
          table => '{identifier}',
          strategy => '{"sort" if plan.sort else "binpack"}',
          options => map({said}),
          where => "`{cut.column}` >= {literal(plan.begin)}
                AND `{cut.column}` < {literal(plan.end)}")
        """).first()
    assert row is not None
    return Rewritten(
        files=row.rewritten_data_files_count,
        into=row.added_data_files_count,
        bytes=row.rewritten_bytes_count,
        failed=row.failed_data_files_count,
    )
