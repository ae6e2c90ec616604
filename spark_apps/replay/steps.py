"""Dead letters re-enter by the topic that they came by: looked at, sent, followed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.replay import ALL
from schemas.table import CATALOG, table_at
from spark_apps.cache import cached
from spark_apps.gold.ranges import moment
from spark_apps.gold.trades import DIGITS
from spark_apps.marks import saying
from spark_apps.replay.today import LETTERS, Today
from spark_apps.replay.topic import Topic
from spark_apps.silver.replays import (
    BREAKS,
    PASSES,
    PLACE,
    WAITING,
    entries,
    messages,
    outcomes,
    place,
    tagged,
)
from spark_apps.streams import history

SHOWN = 8
"""Letters that a preview shows, of those that pass and of those that do not."""
SLACK = timedelta(minutes=5)
"""How far apart the clocks of two machines may be."""
ASK_EVERY = 10.0
"""Seconds between two looks at where the letters are."""
LEDGER = table_at("silver.replays")
Report = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends letters again, and why."""

    run_id: str
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One person's replay of dead letters of one exchange, step by step."""

    today: Today
    topic: Topic

    def look(self) -> Report:
        """Return what the letters are today: counts, samples, and which were read.

        `snapshot` is what `send` reads: what came since is for the next replay.
        """
        self.settle()
        line = history(self.today.spark, LETTERS.identifier())
        if not line:
            return {"snapshot": "0", "counts": [], "passing": [], "breaking": []}
        snapshot = line[0].snapshot_id
        with self.today.verdicts(snapshot) as rows:
            counts = rows.groupBy("state", "error_reason").count()
            told = counts.orderBy("state", "error_reason").collect()
            return {
                # As text: browsers round numbers of that size.
                "snapshot": str(snapshot),
                "counts": [row.asDict() for row in told],
                "passing": samples(rows.where(F.col("state") == PASSES)),
                "breaking": samples(rows.where(F.col("state") == BREAKS)),
            }

    def send(self, sender: Sender, snapshot: int) -> Report:
        """Enter the letters into the ledger, then send them; return how many.

        The same run may be begun again, at any point: what it entered is what it sends,
        and what is in the topic is not sent again.

        Raises:
            NotThere: the snapshot that was looked at has expired.
        """
        letters = self.today.letters(snapshot)
        begun = not self.today.ledger(sender.run_id).isEmpty()
        if not begun:
            self._enter(sender, snapshot)
        mine = self.today.ledger(sender.run_id)
        first = mine.agg(F.unix_micros(F.min("replayed_at"))).collect()[0][0]
        if first is None:
            return {"sent": 0, "there_before": 0}
        there = 0
        if begun:
            since = self.topic.since(self.today.spark, moment(first) - SLACK)
            came = tagged(since).where(F.col("run_id") == sender.run_id)
            there = came.count()
            mine = mine.withColumn(
                "letter", place("kafka_partition", "kafka_offset")
            ).join(F.broadcast(came.select("letter")), "letter", "left_anti")
        with cached(lambda: mine) as rest:
            number = rest.count()
            self.topic.publish(messages(rest, letters, self.today.asked.exchange))
        return {"sent": number, "there_before": there}

    def follow(
        self, run_id: str, patience: timedelta, closed: Callable[[], bool]
    ) -> Report:
        """Wait until the lane has carried the letters; return what became of each.

        What is still on its way stays `waiting` in the ledger: when patience is over,
        or the lane's gate is closed. Each later replay looks after it again.
        """
        until = time.monotonic() + patience.total_seconds()
        while True:
            self.settle()
            rows = self.today.ledger(run_id).groupBy("outcome").count().collect()
            counts = {row["outcome"]: row["count"] for row in rows}
            is_closed = closed()
            if not counts.get(WAITING) or is_closed or time.monotonic() > until:
                return {"outcomes": counts, "lane_is_closed": is_closed}
            time.sleep(ASK_EVERY)

    def settle(self) -> None:
        """Find what became of the letters that are on their way; enter it."""
        today = self.today
        waiting = today.ledger().where(F.col("outcome") == WAITING)
        first = waiting.agg(F.unix_micros(F.min("replayed_at"))).collect()[0][0]
        if first is None:
            return
        since = F.lit(moment(first) - SLACK)
        arrived = F.col("bronze_ingestion_timestamp") >= since
        found = tagged(today.mine("bronze.trades").where(arrived))
        with cached(lambda: placed(waiting, found)) as sent:
            at = sent.select(
                "kafka_topic",
                F.col("sent_partition").alias("kafka_partition"),
                F.col("sent_offset").alias("kafka_offset"),
            )
            silver = (
                today.mine("silver.trades")
                .where(arrived)
                .join(F.broadcast(at), list(PLACE), "left_semi")
                .withColumn("here", F.struct(*DIGITS))
            )
            letters = today.mine("silver.dead_letters")
            self._merge(outcomes(sent, letters, silver, today.gold(silver)))

    def _merge(self, after: DataFrame) -> None:
        told = ("sent_partition", "sent_offset", "outcome", "outcome_detail")
        target = f"{CATALOG}.{LEDGER.identifier()}"
        on = " AND ".join(f"{target}.{name} = s.{name}" for name in LEDGER.key)
        settled = F.when(F.col("outcome") != WAITING, F.lit(datetime.now(UTC)))
        rows = after.where((F.col("outcome") != WAITING) | F.col("is_placed")).select(
            *LEDGER.key, *told, settled.alias("settled_at")
        )
        with (
            cached(lambda: rows) as known,
            saying(self.today.spark, self.today.settings.airflow),
        ):
            if known.isEmpty():
                # It would be a commit that changes nothing, every ten seconds.
                return
            (
                known.coalesce(1)
                .alias("s")
                .mergeInto(target, F.expr(on))
                .whenMatched()
                .update({name: F.col(f"s.{name}") for name in (*told, "settled_at")})
                .merge()
            )

    def _enter(self, sender: Sender, snapshot: int) -> None:
        asked = self.today.asked
        wanted = (PASSES, BREAKS) if asked.send == ALL else (PASSES,)
        said = {
            "run_id": sender.run_id,
            "judged_by": self.today.judge(),
            "reason": sender.why,
            "replayed_by": sender.by,
            "replayed_at": datetime.now(UTC),
        }
        with self.today.verdicts(snapshot) as rows:
            fresh = (
                rows.where(F.col("state").isin(*wanted))
                .orderBy("error_timestamp", "kafka_partition", "kafka_offset")
                .limit(asked.at_most)
            )
            ledger = f"{CATALOG}.{LEDGER.identifier()}"
            writer = entries(fresh, said).coalesce(1).writeTo(ledger)
            for key, value in self.today.settings.airflow.items():
                writer = writer.option(f"snapshot-property.{key}", value)
            writer.append()


def placed(waiting: DataFrame, found: DataFrame) -> DataFrame:
    """Return rows of the ledger with where their copies are, as far as bronze knows.

    `is_placed` is true where the ledger did not know.
    """
    seen = found.select(
        *("run_id", "letter"),
        F.col("sent_partition").alias("seen_partition"),
        F.col("sent_offset").alias("seen_offset"),
    )
    return (
        waiting.withColumn("letter", place("kafka_partition", "kafka_offset"))
        .join(seen, ["run_id", "letter"], "left")
        .withColumn("is_placed", F.expr("sent_offset IS NULL AND seen_offset >= 0"))
        .withColumn("sent_partition", F.coalesce("sent_partition", "seen_partition"))
        .withColumn("sent_offset", F.coalesce("sent_offset", "seen_offset"))
        .select(*(column.name for column in LEDGER.columns), "is_placed")
    )


def samples(rows: DataFrame) -> list[dict[str, str]]:
    """Return some letters as text: what they say, and why they are letters."""
    told = (
        rows.orderBy("first_seen", "kafka_partition", "kafka_offset")
        .limit(SHOWN)
        .select(
            *("symbol", "trade_id"),
            F.date_format("timestamp", "yyyy-MM-dd HH:mm:ss").alias("time"),
            F.col("price").cast("string").alias("price"),
            F.col("quantity").cast("string").alias("quantity"),
            F.col("error_reason").alias("was"),
            F.array_join("broken", ", ").alias("today"),
        )
    )
    return [
        {name: "" if value is None else str(value) for name, value in each.items()}
        for each in (row.asDict() for row in told.collect())
    ]
