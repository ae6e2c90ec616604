"""Stretches of time in which a batch happened, by which reading is bounded."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

MINUTE = timedelta(minutes=1)
SLACK = timedelta(minutes=1)
"""How far apart the times of two copies of a trade may be: REST rounds otherwise."""
SPANS, EXCHANGE = "bullion.spans", "bullion.exchange"
"""Snapshot properties: in which times a commit changed windows, and whose."""
Span = tuple[datetime, datetime]
"""First instant, and first instant after it; UTC, without a zone, as Spark prints."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a batch is, and when its rows happened."""

    rows: int
    hours: int
    """In how many UTC hours there are any."""
    spans: tuple[Span, ...]
    """Whole minutes, as much wider as copies of a trade may lie apart.

    Each hour has a span of its own, so that rows years apart do not ask for the years
    between them; neighbours become one.
    """


def extent_of(batch: DataFrame) -> Extent:
    """Return the extent of rows with a `timestamp`."""
    times = (F.date_trunc("minute", each("timestamp")) for each in (F.min, F.max))
    hours = batch.groupBy(F.date_trunc("hour", "timestamp")).agg(
        *(F.date_format(time, "yyyy-MM-dd HH:mm").alias("time") for time in times),
        F.count("*"),
    )
    told = sorted((minute(row[1]), minute(row[2]), row[3]) for row in hours.collect())
    spans = joined((first - SLACK, last + MINUTE + SLACK) for first, last, _ in told)
    return Extent(sum(rows for _, _, rows in told), len(told), tuple(spans))


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return ascending spans, those that touch as one."""
    whole: list[Span] = []
    for start, end in spans:
        if whole and start <= whole[-1][1]:
            start, before = whole.pop()
            end = max(end, before)
        whole.append((start, end))
    return whole


def aligned(spans: Sequence[Span], width: timedelta) -> list[Span]:
    """Return spans that cut no window of this width."""
    epoch = datetime(1970, 1, 1)
    return joined(
        (
            start - (start - epoch) % width,
            end + (epoch - end) % width,
        )
        for start, end in spans
    )


def as_text(spans: Sequence[Span]) -> str:
    """Return spans as they stand in a snapshot's summary."""
    return json.dumps([[each.isoformat() for each in span] for span in spans])


def from_text(text: str) -> list[Span]:
    """Return the spans that a snapshot's summary names."""
    return [
        (datetime.fromisoformat(start), datetime.fromisoformat(end))
        for start, end in json.loads(text)
    ]


def minute(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M")


def plain(moment: datetime) -> datetime:
    """Return an aware moment as spans have it: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def within(column: str, spans: Sequence[Span]) -> str:
    """Return SQL that is true inside the spans, in literals, which prune files.

    A comparison with another column would read every partition of the table.
    """
    inside = " OR ".join(
        f"({column} >= timestamp'{start}' AND {column} < timestamp'{end}')"
        for start, end in spans
    )
    return inside or "false"
