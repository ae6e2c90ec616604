"""Candles of a day, computed again; those that differ from what is stored replace it.

Minutes are written in gold's turn of the exchange, wider ones in the turn of the DAG
`candles`. A window without a trade goes.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from schemas.table import table_at
from spark_apps.app import Run, Windows
from spark_apps.audit.verdict import Day
from spark_apps.cache import cached
from spark_apps.rebuild.rows import ACTION, DROP, change, named
from spark_apps.settings import Settings
from spark_apps.spans import EXCHANGE, SPANS, Span, aligned, as_text, within
from spark_apps.streams import REBUILD
from spark_apps.windows import merge, rows_of, windows_in

KEY = ("symbol", "window_start")
OURS = {"created_at", "updated_at"}


def rebuild(
    spark: SparkSession,
    settings: Settings,
    exchange: str,
    day: Day,
    write: bool,
    apps: Sequence[Windows],
) -> dict[str, int]:
    """Make candles of a day what their trades make of them; return the figures."""
    run = Run(exchange=exchange, started_at=datetime.now(UTC))
    figures: dict[str, int] = {}
    for app in apps:
        kept = settings.kept_for.get(app.writes, table_at(app.writes).kept_for)
        if not day.is_kept(kept, run.started_at):
            continue
        spans = aligned([day.span], app.width)
        notes = {
            REBUILD: named(run.started_at),
            SPANS: as_text(spans),
            EXCHANGE: exchange,
            **settings.airflow,
        }
        figures |= one_width(spark, settings, app, spans, run, notes if write else {})
    return figures


def one_width(
    spark: SparkSession,
    settings: Settings,
    app: Windows,
    spans: Sequence[Span],
    run: Run,
    notes: Mapping[str, str],
) -> dict[str, int]:
    """Compare the windows of one width with what is stored; with notes, write too."""
    table = table_at(app.writes)
    made = partial(windows_in, spark, app, spans, run, settings.kept_for)
    with cached(made) as windows:
        stored = rows_of(spark, app.writes, "window_start", run.exchange, spans)
        extra = stored.join(windows, list(KEY), "left_anti").select("exchange", *KEY)
        values = [each.name for each in table.columns if each.name not in OURS]
        differing = windows.select(*values).exceptAll(stored.select(*values))
        figures = {
            f"{app.writes} other": differing.count(),
            f"{app.writes} too many": extra.count(),
        }
        if notes and figures[f"{app.writes} other"]:
            merge(windows, table, spans, notes)
        if notes and figures[f"{app.writes} too many"]:
            drop(extra, table.identifier(), spans, notes)
    return figures


def drop(
    extra: DataFrame, identifier: str, spans: Sequence[Span], notes: Mapping[str, str]
) -> None:
    """Drop windows in which there are no trades."""
    rows = extra.withColumn(ACTION, F.lit(DROP)).localCheckpoint()
    where = within("{0}.window_start", spans)
    change(rows, identifier, ("exchange", *KEY), (), where, notes)
