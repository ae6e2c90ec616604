"""One batch is inserted where it is new, and its windows are computed again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from schemas.table import CATALOG, table_at
from spark_apps.accounting import Promoted, RowsLost, enter
from spark_apps.app import Promotion, Run
from spark_apps.checkpoint import Checkpoint
from spark_apps.landing import on_it_goes
from spark_apps.marks import Mark, append, landed, put_once
from spark_apps.spans import EXCHANGE, SPANS, Span, as_text, spans_of
from spark_apps.windows import replace, rows_of


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
            reach=self.checkpoint.reach(batch_id),
            notes=self.notes,
        )
        figures = self._insert(batch, spans, mark)
        if figures["conflicts"]:
            self.passed(f"before {self.app.refuses}")
            self._refuse(batch, spans, mark)
            self.passed(f"after {self.app.refuses}")
        self.passed("between the tables")
        self._recompute(batch, spans, mark, figures)
        self.passed("before gold.accounting")
        enter(
            batch.sparkSession,
            "gold.accounting",
            [Promoted.of(self.run, mark, figures)],
            mark,
        )
        self.passed("before the commit log")

    def _insert(
        self, batch: DataFrame, spans: Sequence[Span], mark: Mark
    ) -> dict[str, int]:
        table = table_at(self.app.writes)
        asked = ((table.identifier(),), mark.query_id, mark.batch_id - 1)
        done = landed(batch.sparkSession, *asked) if mark.may_be_there else ()
        if done:
            return dict(done[0].figures)
        known = self.app.known(batch, self._held(batch, spans)).persist()
        try:
            figures = counted(known)
            if figures["inserted"]:
                fresh = self.app.becomes(known.where("NOT is_held"), self.run)
                self.passed(f"before {self.app.writes}")
                added = append(fresh, table.identifier(), mark, figures).added
                self.passed(f"after {self.app.writes}")
                if added != figures["inserted"]:
                    raise RowsLost(
                        f"{figures['inserted']} rows of {figures['rows']} are new to "
                        f"{self.app.writes}, and {added} were written"
                    )
        finally:
            known.unpersist()
        return figures

    def _refuse(self, batch: DataFrame, spans: Sequence[Span], mark: Mark) -> None:
        """Write the copies that contradict a trade to the dead letters, whole.

        Whether gold took its rows of this batch just now or before a crash, the copies
        are the same: gold's own are the ones that they are compared with.
        """
        copies = self.app.contradicts(batch, self._held(batch, spans)).persist()
        try:
            moment = "bronze_ingestion_timestamp"
            ((first, last),) = copies.agg(F.min(moment), F.max(moment)).collect()
            bronze = table_at("bronze.trades").identifier(self.run.exchange)
            messages = batch.sparkSession.table(f"{CATALOG}.{bronze}").where(
                f"{moment} >= timestamp'{first}' AND {moment} <= timestamp'{last}'"
            )
            letters = self.app.refused(copies, messages, self.run)
            put_once(letters, table_at(self.app.refuses).identifier(), mark, {})
        finally:
            copies.unpersist()

    def _held(self, batch: DataFrame, spans: Sequence[Span]) -> DataFrame:
        asked = (self.app.writes, "timestamp", self.run.exchange, spans)
        return rows_of(batch.sparkSession, *asked)

    def _recompute(
        self,
        batch: DataFrame,
        spans: Sequence[Span],
        mark: Mark,
        figures: Mapping[str, int],
    ) -> None:
        """Replace the windows of the batch, also if all of it was known before.

        A batch may be here again because its run ended between the tables. What follows
        from these windows finds in the commit which times they lie in.
        """
        app = self.app.windows
        keys = self.app.touched(batch, app.width)
        # Spans begin and end with whole minutes: no window is cut.
        rows = app.becomes(self._held(batch, spans), self.run)
        told = {
            **mark.properties(figures),
            SPANS: as_text(spans),
            EXCHANGE: self.run.exchange,
        }
        touched = rows.join(F.broadcast(keys), list(keys.columns), "left_semi")
        replace(touched, app, spans, told)
        self.passed(f"after {app.writes}")


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
