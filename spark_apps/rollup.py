"""Candles of many minutes follow the candles of one: what changed is computed again."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, reduce

from pyspark.sql import DataFrame, SparkSession

from schemas.table import CATALOG, table_at
from spark_apps.app import Run, Windows
from spark_apps.landing import on_it_goes
from spark_apps.pace import paced
from spark_apps.settings import Settings
from spark_apps.spans import EXCHANGE, MINUTE, SPANS, Span, aligned, from_text, joined
from spark_apps.streams import history
from spark_apps.windows import replace, windows_in

ROLLED_TO = "bullion.rolled-to"
"""Snapshot property: up to which snapshot of the minutes all windows are computed."""
ALL_TIME = (datetime(1970, 1, 1), datetime(2200, 1, 1))


@dataclass(frozen=True, slots=True)
class Change:
    """One commit of the minutes' table, the head first in a history."""

    snapshot_id: int
    summary: Mapping[str, str]


def roll_up(
    spark: SparkSession,
    apps: Sequence[Windows],
    settings: Settings,
    passed: Callable[[str], None] = on_it_goes,
) -> dict[str, int | str | None]:
    """Compute what follows from new minutes, each table after what it reads.

    The place that it has reached stands in the last table; a run that ended between two
    tables is done again whole, and gives the same rows.
    """
    minutes = table_at(apps[0].reads).identifier()
    line = changes(spark, minutes)
    if not line:
        return {"snapshot_id": None, "windows": 0}
    last = table_at(apps[-1].writes).identifier()
    reached = noted(spark, last, ROLLED_TO)
    spans = owed(line, reached, settings.exchanges)
    head = str(line[0].snapshot_id)
    with paced(spark, minutes_in(spans)):
        written = _replaced(spark, apps, spans, head, settings, passed)
    return {"snapshot_id": head, "windows": written}


def _replaced(
    spark: SparkSession,
    apps: Sequence[Windows],
    spans: Mapping[str, Sequence[Span]],
    head: str,
    settings: Settings,
    passed: Callable[[str], None],
) -> int:
    """Compute each table's windows in the spans; return how many were looked at."""
    written, now = 0, datetime.now(UTC)
    for app in apps if spans else ():
        wide = {each: aligned(some, app.width) for each, some in spans.items()}
        every = joined(sorted(span for some in wide.values() for span in some))
        told = {ROLLED_TO: head, **settings.airflow}
        rows = partial(_windows, spark, app, wide, now, settings)
        written += replace(rows, app, every, told)
        passed(f"after {app.writes}")
    return written


def _windows(
    spark: SparkSession,
    app: Windows,
    spans: Mapping[str, Sequence[Span]],
    now: datetime,
    settings: Settings,
) -> DataFrame:
    """Return a table's windows inside each exchange's spans."""
    made = [
        windows_in(
            spark, app, some, Run(exchange=each, started_at=now), settings.kept_for
        )
        for each, some in spans.items()
    ]
    return reduce(DataFrame.unionByName, made)


def minutes_in(spans: Mapping[str, Sequence[Span]]) -> int:
    """Return how many minutes the spans have in all: a symbol has a row for each."""
    return sum(
        int((end - start) / MINUTE) for some in spans.values() for start, end in some
    )


def changes(spark: SparkSession, identifier: str) -> tuple[Change, ...]:
    """Return a table's commits, as far as they are kept, the newest first."""
    line = history(spark, identifier)
    rows = spark.sql(
        f"SELECT snapshot_id, summary FROM {CATALOG}.{identifier}.snapshots"
    ).collect()
    said = {row.snapshot_id: row.summary for row in rows}
    # The second answer may have a commit more at the head, and what expired just now
    # is not at its end any more.
    return tuple(
        Change(each.snapshot_id, said[each.snapshot_id])
        for each in line
        if each.snapshot_id in said
    )


def owed(
    line: Sequence[Change], reached: int | None, exchanges: Sequence[str]
) -> dict[str, list[Span]]:
    """Return the times of each exchange in which minutes changed since a snapshot.

    Where that snapshot is not kept any more, all times are owed.
    """
    found: dict[str, list[Span]] = defaultdict(list)
    for change in line:
        if change.snapshot_id == reached:
            break
        if SPANS in change.summary:
            found[change.summary[EXCHANGE]] += from_text(change.summary[SPANS])
    else:
        return {exchange: [ALL_TIME] for exchange in exchanges}
    return {each: joined(sorted(some)) for each, some in found.items()}


def noted(spark: SparkSession, identifier: str, name: str) -> int | None:
    """Return the snapshot that a table's newest note of this name tells of."""
    notes = (change.summary for change in changes(spark, identifier))
    return next((int(note[name]) for note in notes if name in note), None)
