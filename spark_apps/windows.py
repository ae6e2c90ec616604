"""Windows in time are computed again, and replace what stood in their place."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from schemas.table import CATALOG, Table, table_at
from spark_apps.app import Run, Windows
from spark_apps.cache import cached
from spark_apps.marks import saying
from spark_apps.spans import Span, aligned, plain, within

MARGIN = timedelta(days=2)
"""How long before retention may take rows they are not relied on any more."""


def rows_of(
    spark: SparkSession, address: str, time: str, exchange: str, spans: Sequence[Span]
) -> DataFrame:
    """Return what a table has of an exchange inside the spans."""
    table = spark.table(f"{CATALOG}.{table_at(address).identifier()}")
    mine = F.col("exchange") == exchange.upper()
    return table.where(mine).where(within(time, spans))


def windows_in(
    spark: SparkSession,
    app: Windows,
    spans: Sequence[Span],
    run: Run,
    kept_for: Mapping[str, timedelta | None],
) -> DataFrame:
    """Return the windows of an exchange inside spans that cut none of them.

    They are computed from finer ones, and from trades where those may be gone: long
    ago, retention has taken them, or some of them.
    """
    kept = kept_for.get(app.reads, table_at(app.reads).kept_for)
    near, far = parted(spans, plain(run.started_at - kept + MARGIN) if kept else None)
    time = "timestamp" if app.reads == "gold.trades" else "window_start"
    finer = rows_of(spark, app.reads, time, run.exchange, near)
    trades = rows_of(spark, "gold.trades", "timestamp", run.exchange, far)
    made = [
        *([app.becomes(finer, run)] if near else []),
        *([app.anew(trades, run)] if far else []),
    ]
    return made[0] if len(made) == 1 else made[0].unionByName(made[1])


def parted(
    spans: Sequence[Span], whole_since: datetime | None
) -> tuple[list[Span], list[Span]]:
    """Return the spans since a moment, and those before it or across it."""
    near = [span for span in spans if whole_since is None or span[0] >= whole_since]
    return near, [span for span in spans if span not in near]


def replace(
    made: Callable[[], DataFrame],
    app: Windows,
    spans: Sequence[Span],
    properties: Mapping[str, str],
) -> int:
    """Replace or insert these windows, all of them inside the spans; return how many.

    A window that is the same stays untouched, and `created_at` keeps the first moment.
    """
    with cached(made) as rows:
        number = rows.count()
        told = {**properties, "bullion.windows": str(number)}
        merge(rows, table_at(app.writes), aligned(spans, app.width), told)
        return number


def merge(
    rows: DataFrame,
    table: Table,
    spans: Sequence[Span],
    properties: Mapping[str, str],
) -> None:
    """Replace or insert rows by the table's key, in one commit that says all this."""
    # By its full name: an alias is for SQL, and SQL would need a temporary view, which
    # Spark 4.1 cannot plan inside a MERGE ("No plan for TableReference").
    target = f"{CATALOG}.{table.identifier()}"
    on = " AND ".join(f"{target}.{name} = s.{name}" for name in table.key)
    kept = {*table.key, "created_at"}
    values = [c.name for c in table.columns if c.name not in kept]
    differs = " OR ".join(
        f"NOT ({target}.{name} <=> s.{name})" for name in values if name != "updated_at"
    )
    with saying(rows.sparkSession, properties):
        (
            rows.alias("s")
            .mergeInto(
                target, F.expr(f"{on} AND ({within(f'{target}.window_start', spans)})")
            )
            .whenMatched(F.expr(differs))
            .update({name: F.col(f"s.{name}") for name in values})
            .whenNotMatched()
            .insertAll()
            .merge()
        )
