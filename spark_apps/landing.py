"""One batch of a lane's stream is written to its tables, each exactly once.

An instance is called by Spark for each batch: over Connect that is in a Python process
of the server, so that everything it needs lies in its fields, and its modules must be
on the server's PYTHONPATH.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame

from schemas.table import table_at
from spark_apps.accounting import Shares, balanced, enter, shares, written
from spark_apps.app import Run, Split
from spark_apps.checkpoint import Checkpoint
from spark_apps.marks import Mark, append, landed
from spark_apps.registry import resolved

UNKNOWN = "unknown-ids"
"""The note that says which schema ids a batch took for unknown."""
IN_BRONZE = ("topic", "partition", "offset")
IN_SILVER = ("kafka_topic", "kafka_partition", "kafka_offset")


class SchemaUnknown(Exception):
    """The registry does not know an id yet: leave the batch, and ask again."""


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
    patience: timedelta = timedelta(0)
    """How long a batch waits for the registry to learn the ids in it."""
    notes: Mapping[str, str] = field(default_factory=dict)
    passed: Callable[[str], None] = on_it_goes
    """Told of each named point of a batch; may end the process there."""

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Write the batch; do nothing for tables that it was written to before.

        Raises:
            RowsLost: the tables did not take exactly the messages of the batch.
            SchemaUnknown: an id is not known yet; a later run does the batch again.
        """
        came = shares(batch, *IN_BRONZE)
        rows = sum(share.rows for share in came.values())
        if not rows:
            return
        mark = Mark(
            query_id=self.checkpoint.query_id,
            batch_id=batch_id,
            may_be_there=batch_id == self.begun_before,
            reach=self.checkpoint.reach(batch_id),
            notes=self.notes,
        )
        ids = {each for share in came.values() for each in share.schema_ids}
        run = self._knowing(batch, ids, mark)
        unknown = ",".join(map(str, sorted(ids - run.schemas.keys())))
        mark = replace(mark, notes={**self.notes, f"bullion.{UNKNOWN}": unknown})
        made = self.app.becomes(batch, run)
        took: list[Shares] = []
        left = rows
        for address in self.app.writes:
            # The second table holds what the first refused: often there is none.
            if not left:
                took.append({})
                continue
            identifier = table_at(address).identifier(self.run.exchange)
            self.passed(f"before {address}")
            done = append(made[address], identifier, mark, {"rows": rows})
            self.passed(f"after {address}")
            left -= done.added
            brought = written(batch.sparkSession, done)
            took.append(shares(brought, *IN_SILVER) if done.added else {})
        account = balanced(came, took[0], took[1], self.run, mark)
        self.passed("before silver.accounting")
        enter(batch.sparkSession, "silver.accounting", account, mark)
        self.passed("before the commit log")

    def _knowing(self, batch: DataFrame, ids: set[int], mark: Mark) -> Run:
        """Return the run with the schemas by which this batch is read.

        A batch that has got into the first table before is read again as it was then:
        what that took for unknown is unknown, or a message would be in both tables.
        """
        first = table_at(self.app.writes[0]).identifier(self.run.exchange)
        asked = ((first,), mark.query_id, mark.batch_id - 1)
        done = landed(batch.sparkSession, *asked) if mark.may_be_there else ()
        said = done[0].notes.get(UNKNOWN, "") if done else ""
        given_up = {int(each) for each in said.split(",") if each}
        found = resolved(self.registry_url, ids - self.run.schemas.keys() - given_up)
        schemas = {**self.run.schemas, **found}
        lacking = ids - schemas.keys() - given_up
        waited = datetime.now(UTC) - self.checkpoint.begun_at(mark.batch_id)
        if lacking and not done and waited < self.patience:
            rest = (self.patience - waited).total_seconds()
            raise SchemaUnknown(
                f"the registry does not know the schema ids {sorted(lacking)} of "
                f"{self.run.exchange}'s messages: each run asks again; in "
                f"{rest:.0f} s they become dead letters. Was the schema registered?"
            )
        known = {key: text for key, text in schemas.items() if key not in given_up}
        return replace(self.run, schemas=known)
