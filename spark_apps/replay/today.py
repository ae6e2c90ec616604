"""What dead letters are today: judged again, and held against ledger and gold."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.replay import Asked, judge
from expectations.stage import TRADE
from schemas.table import CATALOG, table_at
from schemas.topic import TRADES
from spark_apps.app import Run
from spark_apps.cache import cached
from spark_apps.gold.trades import DIGITS
from spark_apps.registry import registered, resolved
from spark_apps.settings import Settings
from spark_apps.silver.replays import (
    PLACE,
    chosen,
    judged_again,
    same_bytes,
    state,
    traced,
)
from spark_apps.spans import extent_of, within
from spark_apps.streams import history
from spark_apps.wire import schema_id

LETTERS = table_at("silver.dead_letters")


class NotThere(Exception):
    """What was looked at is gone: look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The tables of one exchange, and the dead letters that a person chose."""

    spark: SparkSession
    settings: Settings
    asked: Asked

    @contextmanager
    def verdicts(self, snapshot: int) -> Iterator[DataFrame]:
        """Yield the chosen letters with their `state`, and without their bytes.

        Raises:
            NotThere: that snapshot has expired.
        """
        letters = chosen(self.letters(snapshot), self.asked)
        run = self.run(letters)

        def said() -> DataFrame:
            return judged_again(chosen(self.then(snapshot), self.asked), run)

        with cached(said) as judged:
            held = self.gold(judged.where(F.size("broken") == 0))
            same = F.col("held") == F.struct(*DIGITS)
            today = (
                judged.join(
                    held.select("message_id", "held"), "message_id", "left"
                ).select(
                    *PLACE,
                    *(F.col(name).alias(f"{name}_now") for name in TRADE),
                    *("timestamp", "price", "quantity", "side", "broken"),
                    same.alias("in_gold"),
                )
                # Another stage's letter may be of the same message.
                .withColumn("stage", F.lit("silver"))
            )
            yield (
                traced(letters, self.ledger())
                .withColumn("copy", same_bytes())
                .join(today, [*PLACE, "stage"], "left")
                .withColumns({n: F.coalesce(f"{n}_now", n) for n in TRADE})
                .withColumn("state", state(self.asked, self.judge()))
                .drop("raw_record", "sent_by")
            )

    def judge(self) -> str:
        """Return who judges messages today."""
        url, exchange = self.settings.registry_url, self.asked.exchange
        return judge(exchange, tuple(registered(url, TRADES.subject(exchange))))

    def run(self, letters: DataFrame) -> Run:
        """Return a run that knows each schema id of the letters, if anybody does."""
        url, exchange = self.settings.registry_url, self.asked.exchange
        known = registered(url, TRADES.subject(exchange))
        named = letters.where("stage = 'silver'").select(schema_id("raw_record"))
        ids = {row[0] for row in named.distinct().collect() if row[0] is not None}
        found = resolved(url, ids - known.keys(), tries=1)
        now = datetime.now(UTC)
        return Run(exchange=exchange, started_at=now, schemas={**known, **found})

    def letters(self, snapshot: int) -> DataFrame:
        """Return all dead letters as they were when they were looked at.

        Raises:
            NotThere: that snapshot has expired.
        """
        name = LETTERS.identifier()
        if snapshot not in {s.snapshot_id for s in history(self.spark, name)}:
            raise NotThere(
                f"the dead letters of snapshot {snapshot} were looked at too long ago: "
                "nothing was sent; trigger the DAG again, and answer within hours"
            )
        return self.then(snapshot)

    def then(self, snapshot: int) -> DataFrame:
        """Return the dead letters of a snapshot that is known to be kept."""
        reader = self.spark.read.option("versionAsOf", snapshot)
        return reader.table(f"{CATALOG}.{LETTERS.identifier()}")

    def gold(self, rows: DataFrame) -> DataFrame:
        """Return the trades that gold has in the times of some rows.

        `message_id`, `held` (their digits), and both times of arrival.
        """
        spans = extent_of(rows).spans
        return (
            self.mine("gold.trades")
            .where(within("timestamp", spans))
            .select(
                *("message_id", "ingestion_timestamp", "gold_ingestion_timestamp"),
                F.struct(*DIGITS).alias("held"),
            )
        )

    def ledger(self, run_id: str | None = None) -> DataFrame:
        """Return what was sent of the exchange; by one run, if it is named."""
        rows = self.mine("silver.replays")
        return rows if run_id is None else rows.where(F.col("run_id") == run_id)

    def mine(self, address: str) -> DataFrame:
        """Return the exchange's rows of a table."""
        table = table_at(address)
        rows = self.spark.table(f"{CATALOG}.{table.identifier(self.asked.exchange)}")
        if table.per_exchange:
            return rows
        return rows.where(F.col("exchange") == self.asked.exchange.upper())
