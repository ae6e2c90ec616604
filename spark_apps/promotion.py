"""One batch is inserted where it is new, and its windows are computed again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from schemas.table import CATALOG, Table, table_at
from spark_apps.app import Promotion, Run
from spark_apps.checkpoint import Checkpoint
from spark_apps.landing import RowsLost, on_it_goes
from spark_apps.marks import Mark, append, landed

MINUTE = timedelta(minutes=1)
SLACK = timedelta(minutes=1)
"""How far apart the times of two copies of a trade may be: REST rounds otherwise."""
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionLanding:
    """Writes a batch as a `Promotion` says; called by Spark, on the server."""

    app: Promotion
    run: Run
    checkpoint: Checkpoint
    begun_before: int = -1
    """Number of the batch that an earlier run began and did not end, or -1."""
    notes: Mapping[str, str] = field(default_factory=dict)
    passed: Callable[[str], None] = on_it_goes

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Insert what the table lacks, then recompute the windows the batch touches.

        Raises:
            RowsLost: inserted rows and duplicates are not all rows of the batch.
        """
        spans = spans_of(batch)
        if not spans:
            return
        mark = Mark(
            query_id=self.checkpoint.query_id,
            batch_id=batch_id,
            may_be_there=batch_id == self.begun_before,
            notes=self.notes,
        )
        figures = self._insert(batch, spans, mark)
        self.passed("between the tables")
        self._recompute(batch, spans, mark, figures)
        self.passed("after the windows")

    def _insert(
        self, batch: DataFrame, spans: Sequence[Span], mark: Mark
    ) -> dict[str, int]:
        table = table_at(self.app.writes)
        asked = ((table.identifier(),), mark.query_id, mark.batch_id - 1)
        done = landed(batch.sparkSession, *asked) if mark.may_be_there else ()
        if done:
            return dict(done[0].figures)
        known = self.app.known(batch, self._held(batch, table, spans)).persist()
        try:
            figures = counted(known)
            if figures["inserted"]:
                fresh = self.app.becomes(known.where("NOT is_held"), self.run)
                self.passed(f"before {self.app.writes}")
                added = append(fresh, table.identifier(), mark, figures)
                if added != figures["inserted"]:
                    raise RowsLost(
                        f"{figures['inserted']} rows of {figures['rows']} are new to "
                        f"{self.app.writes}, and {added} were written"
                    )
        finally:
            known.unpersist()
        return figures

    def _held(self, batch: DataFrame, table: Table, spans: Sequence[Span]) -> DataFrame:
        held = batch.sparkSession.table(f"{CATALOG}.{table.identifier()}")
        mine = F.col("exchange") == self.run.exchange.upper()
        return held.where(mine).where(within("timestamp", spans))

    def _recompute(
        self,
        batch: DataFrame,
        spans: Sequence[Span],
        mark: Mark,
        figures: Mapping[str, int],
    ) -> None:
        """Replace the windows of the batch, also if all of it was known before.

        A batch may be here again because its run ended between the two tables.
        """
        held = self._held(batch, table_at(self.app.writes), spans)
        touched = self.app.touched(batch)
        key = list(touched.columns)
        # Spans begin and end with whole minutes: no window is cut.
        rows = self.app.recomputed(held, self.run)
        windows = rows.join(F.broadcast(touched), key, "left_semi")
        windows = windows.where("vwap IS NOT NULL AND volume IS NOT NULL").persist()
        try:
            merge(
                windows,
                table_at(self.app.windows),
                spans,
                mark.properties({**figures, "windows": windows.count()}),
            )
        finally:
            windows.unpersist()


def counted(known: DataFrame) -> dict[str, int]:
    """Return how many rows a batch has, and what becomes of them."""
    said = known.agg(
        F.sum("copies").alias("rows"),
        F.count_if(~F.col("is_held")).alias("inserted"),
        F.sum("conflicts").alias("conflicts"),
    ).first()
    assert said is not None
    return {
        "rows": said.rows,
        "inserted": said.inserted,
        "duplicates": said.rows - said.inserted,
        "conflicts": said.conflicts,
    }


def spans_of(batch: DataFrame) -> list[Span]:
    """Return the times in which the batch's rows happened, in whole minutes.

    Each hour has a span of its own, so that rows years apart do not ask for the years
    between them; neighbours become one. Each is as much wider as copies of a trade may
    lie apart.
    """
    times = (F.date_trunc("minute", each("timestamp")) for each in (F.min, F.max))
    hours = batch.groupBy(F.date_trunc("hour", "timestamp")).agg(
        *(F.date_format(time, "yyyy-MM-dd HH:mm").alias("time") for time in times)
    )
    told = sorted(tuple(map(minute, row[1:])) for row in hours.collect())
    spans: list[Span] = []
    for first, last in told:
        start, end = first - SLACK, last + MINUTE + SLACK
        if spans and start <= spans[-1][1]:
            start, _ = spans.pop()
        spans.append((start, end))
    return spans


def minute(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M")


def within(column: str, spans: Sequence[Span]) -> str:
    """Return SQL that is true inside the spans, in literals, which prune files.

    A comparison with another column would read every partition of the table.
    """
    return " OR ".join(
        f"({column} >= timestamp'{start}' AND {column} < timestamp'{end}')"
        for start, end in spans
    )


def merge(
    rows: DataFrame,
    table: Table,
    spans: Sequence[Span],
    properties: Mapping[str, str],
) -> None:
    """Replace or insert rows by the table's key; rows that are the same stay untouched.

    `created_at` keeps the moment of the first time.
    """
    # By its full name: an alias is for SQL, and SQL would need a temporary view, which
    # Spark 4.1 cannot plan inside a MERGE ("No plan for TableReference").
    target = f"{CATALOG}.{table.identifier()}"
    on = " AND ".join(f"{target}.{name} = s.{name}" for name in table.key)
    kept = {*table.key, "created_at"}
    values = [c.name for c in table.columns if c.name not in kept]
    differs = " OR ".join(
        f"{target}.{name} <> s.{name}" for name in values if name != "updated_at"
    )
    _say(rows.sparkSession, properties)
    try:
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
    finally:
        # The next run of this lane enters the same session.
        _unsay(rows.sparkSession, properties)


def _say(spark: SparkSession, properties: Mapping[str, str]) -> None:
    for key, value in properties.items():
        spark.conf.set(f"spark.sql.iceberg.snapshot-property.{key}", value)


def _unsay(spark: SparkSession, properties: Mapping[str, str]) -> None:
    for key in properties:
        spark.conf.unset(f"spark.sql.iceberg.snapshot-property.{key}")
