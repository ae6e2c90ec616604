"""What a Spark app is: what it reads, and what its rows become."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

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
class Promotion:
    """The step of a lane that inserts what is new, and recomputes what follows."""

    reads: str
    writes: str
    known: Callable[[DataFrame, DataFrame], DataFrame]
    """Batch and held rows, to one row for each key with what is known of it."""
    becomes: Transform
    """The rows to insert, of those that are not held yet."""
    windows: str
    """Address of the table that is recomputed for the touched windows."""
    touched: Callable[[DataFrame], DataFrame]
    """The keys of the windows that a batch touches."""
    recomputed: Transform
    """The windows' rows, from all rows that the written table holds of them."""
