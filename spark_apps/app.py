"""What a Spark app is: what it reads, and what its rows become."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pyspark.sql import DataFrame

from schemas.topic import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a transform may know of its run: it needs no clock and no settings."""

    exchange: str
    started_at: datetime
    """UTC, aware; the same for every row of the run."""
    schemas: Mapping[int, str] = field(default_factory=dict)
    """Writer schemas by registry id, as JSON text."""


Transform = Callable[[DataFrame, Run], DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An endless way from a topic into one table."""

    reads: Topic
    writes: str
    """Address of the table."""
    becomes: Transform


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One step of a lane whose every input row ends in exactly one of its tables."""

    reads: str
    """Address of the table."""
    writes: tuple[str, str]
    """Addresses of the table for what is sound, and of that for the rest."""
    becomes: Callable[[DataFrame, Run], Mapping[str, DataFrame]]
    """The rows for each table by its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """A table with a row for each window in time, computed whole from what is in it."""

    writes: str
    reads: str
    """Address of the table whose rows a window is computed from."""
    width: timedelta
    becomes: Transform
    """All rows inside some windows, to the rows of those windows."""
    anew: Transform
    """The same, from rows of the promoted table: where `reads` keeps them no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The step of a lane that inserts what is new, and recomputes what follows."""

    reads: str
    writes: str
    refuses: str
    """Address of the table for copies that contradict what is held."""
    key: str
    """Column by which a row is known, once for all time."""
    known: Callable[[DataFrame, DataFrame], DataFrame]
    """Batch and held rows, to one row for each key with what is known of it.

    Asked only of rows whose key may be there more than once: it moves whole rows."""
    becomes: Transform
    """The rows to insert, of those that are not held yet."""
    contradicts: Callable[[DataFrame, DataFrame], DataFrame]
    """Batch and held rows, to the copies whose digits differ from the one that stays,
    with `stays`, what that one says."""
    refused: Callable[[DataFrame, DataFrame, Run], DataFrame]
    """Those copies and the messages that they came from, to dead letters."""
    touched: Callable[[DataFrame, timedelta], DataFrame]
    """The keys of the windows of one width in which rows of `exchange`, `symbol` and
    `timestamp` lie."""
    windows: Windows
    """What is computed again from the written table with each batch."""
