"""One batch of a lane's stream is written to its tables, each exactly once.

An instance is called by Spark for each batch: over Connect that is in a Python process
of the server, so that everything it needs lies in its fields, and its modules must be
on the server's PYTHONPATH.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from schemas.table import table_at
from spark_apps.app import Run, Split
from spark_apps.checkpoint import Checkpoint
from spark_apps.marks import Mark, append
from spark_apps.registry import resolved


class RowsLost(Exception):
    """A batch does not add up: nothing may build on it before a person has looked."""


def on_it_goes(point: str) -> None:
    """Do nothing: the failpoint of everybody but a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLanding:
    """Writes the rows of a batch to the tables that a `Split` names."""

    app: Split
    run: Run
    checkpoint: Checkpoint
    registry_url: str
    begun_before: int = -1
    """Number of the batch that an earlier run began and did not end, or -1."""
    notes: Mapping[str, str] = field(default_factory=dict)
    passed: Callable[[str], None] = on_it_goes
    """Told of each named point of a batch; may end the process there."""

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Write the batch; do nothing for tables that it was written to before.

        Raises:
            RowsLost: the tables took another number of rows than the batch has.
        """
        said = batch.agg(
            F.count("*").alias("rows"), F.collect_set("schema_id").alias("ids")
        ).first()
        assert said is not None
        if not said.rows:
            return
        made = self.app.becomes(batch, self._knowing(said.ids))
        mark = Mark(
            query_id=self.checkpoint.query_id,
            batch_id=batch_id,
            may_be_there=batch_id == self.begun_before,
            notes=self.notes,
        )
        landed = 0
        for address in self.app.writes:
            # The second table holds what the first refused: often there is none.
            if landed == said.rows:
                break
            identifier = table_at(address).identifier(self.run.exchange)
            self.passed(f"before {address}")
            landed += append(made[address], identifier, mark, {"rows": said.rows})
            self.passed(f"after {address}")
        if landed != said.rows:
            raise RowsLost(
                f"batch {batch_id} of {self.app.reads}.{self.run.exchange} has "
                f"{said.rows} rows, and {landed} were written to "
                f"{' and '.join(self.app.writes)}"
            )

    def _knowing(self, ids: list[int]) -> Run:
        """Return the run with the schemas of all ids that the registry knows."""
        unknown = set(ids) - self.run.schemas.keys()
        if not unknown:
            return self.run
        found = resolved(self.registry_url, unknown)
        return replace(self.run, schemas={**self.run.schemas, **found})
