"""One batch is inserted where it is new, and its windows are computed again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.stage import STAGE, TRADE
from schemas.table import CATALOG, table_at
from spark_apps.accounting import Promoted, RowsLost, enter
from spark_apps.app import Promotion, Run
from spark_apps.cache import cached
from spark_apps.checkpoint import Checkpoint
from spark_apps.landing import on_it_goes
from spark_apps.marks import Mark, append, landed, put_once
from spark_apps.repeats import among, apart, narrowed, repeated
from spark_apps.spans import EXCHANGE, SPANS, Extent, Span, as_text, extent_of
from spark_apps.windows import replace, rows_of

FEW_HOURS = 2
"""Up to so many hours of trades each task writes its own file of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionLanding:
    """Writes a batch as a `Promotion` says; called by Spark, on the server."""

    app: Promotion
    run: Run
    checkpoint: Checkpoint
    begun_before: int = -1
    """Number of the batch that an earlier run began and did not end, or -1."""
    some_refused: bool = False
    """Whether a person refused some of the rows: they are dead letters of the gate."""
    notes: Mapping[str, str] = field(default_factory=dict)
    passed: Callable[[str], None] = on_it_goes

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Insert what the table lacks, then recompute the windows the batch touches.

        Raises:
            RowsLost: inserted rows and duplicates are not all rows of the batch.
        """
        kept, refused = batch, 0
        if self.some_refused:
            kept = self._kept(batch)
            refused = batch.count() - kept.count()
        narrow = narrowed(kept, self.app.key).persist()
        try:
            extent = extent_of(narrow)
            if extent.rows:
                self._promote(kept, narrow, extent, refused, self._mark(batch_id))
            elif refused:
                self._account(batch, counted(0, None), refused, self._mark(batch_id))
        finally:
            narrow.unpersist()

    def _kept(self, batch: DataFrame) -> DataFrame:
        """Return those rows of a batch that no person refused."""
        letters = table_at(self.app.refuses).identifier(self.run.exchange)
        refused = (
            batch.sparkSession.table(f"{CATALOG}.{letters}")
            .where(
                (F.col("stage") == STAGE)
                & (F.col("exchange") == self.run.exchange.upper())
            )
            .select(*TRADE)
        )
        return batch.join(F.broadcast(refused), list(TRADE), "left_anti")

    def _account(
        self, batch: DataFrame, figures: Mapping[str, int], refused: int, mark: Mark
    ) -> None:
        told = [Promoted.of(self.run, mark, figures, refused)]
        enter(batch.sparkSession, "gold.accounting", told, mark)

    def _mark(self, batch_id: int) -> Mark:
        return Mark(
            query_id=self.checkpoint.query_id,
            batch_id=batch_id,
            may_be_there=batch_id == self.begun_before,
            reach=self.checkpoint.reach(batch_id),
            notes=self.notes,
        )

    def _promote(
        self,
        batch: DataFrame,
        narrow: DataFrame,
        extent: Extent,
        refused: int,
        mark: Mark,
    ) -> None:
        figures = self._insert(batch, narrow, extent, mark)
        if figures["conflicts"]:
            self.passed(f"before {self.app.refuses}")
            self._refuse(batch, extent.spans, mark)
            self.passed(f"after {self.app.refuses}")
        self.passed("between the tables")
        keys = self.app.touched(narrow, self.app.windows.width)
        self._recompute(keys, extent.spans, mark, figures)
        self.passed("before gold.accounting")
        self._account(batch, figures, refused, mark)
        self.passed("before the commit log")

    def _insert(
        self, batch: DataFrame, narrow: DataFrame, extent: Extent, mark: Mark
    ) -> dict[str, int]:
        table = table_at(self.app.writes)
        asked = ((table.identifier(),), mark.query_id, mark.batch_id - 1)
        done = landed(batch.sparkSession, *asked) if mark.may_be_there else ()
        if done:
            return dict(done[0].figures)
        key = self.app.key

        def held() -> DataFrame:
            return self._held(batch, extent.spans)

        def repeats() -> DataFrame:
            return repeated(narrow, held(), key)

        def known() -> DataFrame:
            return self.app.known(
                among(batch, repeats(), key), among(held(), repeats(), key)
            )

        with cached(repeats) as some:
            if not some.count():
                figures = counted(extent.rows, None)
                self._append(self.app.becomes(batch, self.run), extent, mark, figures)
                return figures
            with cached(known) as few:
                figures = counted(extent.rows, few)
                fresh = self.app.becomes(apart(batch, some, key), self.run).unionAll(
                    self.app.becomes(few.where("NOT is_held"), self.run)
                )
                if figures["inserted"]:
                    self._append(fresh, extent, mark, figures)
                return figures

    def _append(
        self, fresh: DataFrame, extent: Extent, mark: Mark, figures: Mapping[str, int]
    ) -> None:
        """Append the rows that the table lacks.

        Rows of many hours are first brought together by hour, or each task would write
        a file an hour; rows of one hour would all come to one task.

        Raises:
            RowsLost: not as many were written as are new.
        """
        arranged = {"distribution-mode": "hash" if extent.hours > FEW_HOURS else "none"}
        identifier = table_at(self.app.writes).identifier()
        self.passed(f"before {self.app.writes}")
        added = append(fresh, identifier, mark, figures, arranged).added
        self.passed(f"after {self.app.writes}")
        if added != figures["inserted"]:
            raise RowsLost(
                f"{figures['inserted']} rows of {figures['rows']} are new to "
                f"{self.app.writes}, and {added} were written"
            )

    def _refuse(self, batch: DataFrame, spans: Sequence[Span], mark: Mark) -> None:
        """Write the copies that contradict a trade to the dead letters, whole.

        Whether gold took its rows of this batch just now or before a crash, the copies
        are the same: gold's own are the ones that they are compared with.
        """

        def contradicting() -> DataFrame:
            return self.app.contradicts(batch, self._held(batch, spans))

        with cached(contradicting) as copies:
            moment = "bronze_ingestion_timestamp"
            ((first, last),) = copies.agg(F.min(moment), F.max(moment)).collect()
            bronze = table_at("bronze.trades").identifier(self.run.exchange)
            messages = batch.sparkSession.table(f"{CATALOG}.{bronze}").where(
                f"{moment} >= timestamp'{first}' AND {moment} <= timestamp'{last}'"
            )
            letters = self.app.refused(copies, messages, self.run)
            put_once(letters, table_at(self.app.refuses).identifier(), mark, {})

    def _held(self, batch: DataFrame, spans: Sequence[Span]) -> DataFrame:
        asked = (self.app.writes, "timestamp", self.run.exchange, spans)
        return rows_of(batch.sparkSession, *asked)

    def _recompute(
        self,
        keys: DataFrame,
        spans: Sequence[Span],
        mark: Mark,
        figures: Mapping[str, int],
    ) -> None:
        """Replace the windows of the batch, also if all of it was known before.

        A batch may be here again because its run ended between the tables. What follows
        from these windows finds in the commit which times they lie in.
        """
        app = self.app.windows

        def touched() -> DataFrame:
            # Spans begin and end with whole minutes: no window is cut.
            rows = app.becomes(self._held(keys, spans), self.run)
            return rows.join(F.broadcast(keys), list(keys.columns), "left_semi")

        told = {
            **mark.properties(figures),
            SPANS: as_text(spans),
            EXCHANGE: self.run.exchange,
        }
        replace(touched, app, spans, told)
        self.passed(f"after {app.writes}")


def counted(rows: int, known: DataFrame | None) -> dict[str, int]:
    """Return what becomes of a batch's rows, of which `known` may be repeats."""
    odd, inserted, conflicts = 0, 0, 0
    if known is not None:
        told = known.agg(
            F.sum("copies"), F.count_if(~F.col("is_held")), F.sum("conflicts")
        ).first()
        assert told is not None
        odd, inserted, conflicts = told
    return {
        "rows": rows,
        "inserted": rows - odd + inserted,
        "duplicates": odd - inserted,
        "conflicts": conflicts,
    }
