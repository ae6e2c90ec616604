"""A step of a lane: read what is new, land it, and report in figures."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from schemas.table import Table, table_at
from schemas.topic import TRADES
from spark_apps.app import Promotion, Run, Split
from spark_apps.checkpoint import Checkpoint
from spark_apps.landing import SplitLanding, on_it_goes
from spark_apps.marks import Landed, landed
from spark_apps.pace import paced
from spark_apps.promotion import PromotionLanding
from spark_apps.registry import registered
from spark_apps.settings import Settings
from spark_apps.stale import require_newest
from spark_apps.streams import (
    NotPrimed,
    Snapshot,
    history,
    newest_data,
    pending,
    reader,
    rebuilt_alone,
)

Report = dict[str, int | str | None]
FIGURES = ("rows", "inserted", "duplicates", "conflicts")


class Ungated(Exception):
    """Rows that no gate has seen stand before gold: gate again, then promote."""


def refine(
    spark: SparkSession,
    app: Split,
    exchange: str,
    settings: Settings,
    passed: Callable[[str], None] = on_it_goes,
) -> Report:
    """Carry what is new in the table that a split reads; return its report."""
    trades, letters = (table_at(each).identifier(exchange) for each in app.writes)
    source = table_at(app.reads).identifier(exchange)
    checkpoint = _checkpoint(settings, table_at(app.writes[0]), exchange)
    before = checkpoint.last_batch
    line = history(spark, source)
    waiting = _waiting(line, checkpoint)
    if waiting or checkpoint.begun_batch >= 0:
        require_newest(spark, (trades, letters), checkpoint)
        known = registered(settings.registry_url, TRADES.subject(exchange))
        landing = SplitLanding(
            app=app,
            run=Run(exchange=exchange, started_at=datetime.now(UTC), schemas=known),
            checkpoint=checkpoint,
            registry_url=settings.registry_url,
            begun_before=checkpoint.begun_batch,
            patience=settings.unknown_schema_patience,
            notes=settings.airflow,
            passed=passed,
        )
        with paced(spark, sum(each.added_rows for each in waiting)):
            drain(spark, source, checkpoint, landing, line)
    done = landed(spark, (trades, letters), checkpoint.query_id, before)
    good = [each for each in done if each.identifier == trades]
    rows = {each.batch_id: each.figures["rows"] for each in done}
    return {
        "snapshot_id": _head(spark, trades, good),
        "rows": sum(rows.values()),
        "silver": sum(each.added for each in good),
        "dead_letters": sum(e.added for e in done if e.identifier == letters),
    }


def promote(
    spark: SparkSession,
    app: Promotion,
    exchange: str,
    settings: Settings,
    gated: int,
    passed: Callable[[str], None] = on_it_goes,
    some_refused: bool = False,
) -> Report:
    """Carry what passed the gate, and nothing else; return the report.

    Where the gate found some that a person had refused, those are left out.

    Raises:
        Ungated: the source has rows behind `gated`, the snapshot that the gate saw.
    """
    source = table_at(app.reads).identifier(exchange)
    written = table_at(app.writes).identifier()
    windows = table_at(app.windows.writes).identifier()
    checkpoint = _checkpoint(settings, table_at(app.writes), exchange)
    before = checkpoint.last_batch
    line = history(spark, source)
    require_gated(line, gated)
    waiting = _waiting(line, checkpoint)
    if waiting or checkpoint.begun_batch >= 0:
        require_newest(spark, (written, windows), checkpoint)
        landing = PromotionLanding(
            app=app,
            run=Run(exchange=exchange, started_at=datetime.now(UTC)),
            checkpoint=checkpoint,
            begun_before=checkpoint.begun_batch,
            some_refused=some_refused,
            notes=settings.airflow,
            passed=passed,
        )
        with paced(spark, sum(each.added_rows for each in waiting)):
            drain(spark, source, checkpoint, landing, line)
        if checkpoint.consumed().snapshot_id != gated:
            # Whoever wrote to silver meanwhile broke the lane's rule: say so aloud.
            require_gated(until(history(spark, source), checkpoint), gated)
    done = landed(spark, (written, windows), checkpoint.query_id, before)
    # A batch that was begun twice may have told of itself twice.
    by_batch = {e.batch_id: e.figures for e in done if e.identifier == windows}
    told = by_batch.values()
    return {
        "snapshot_id": _head(
            spark, written, [each for each in done if each.identifier == written]
        ),
        **{name: sum(each[name] for each in told) for name in FIGURES},
        "candles": sum(each["windows"] for each in told),
    }


def require_gated(line: tuple[Snapshot, ...], gated: int) -> None:
    """Return if no snapshot behind the gated one brought rows.

    Raises:
        Ungated: one did, or the gated snapshot is not in this history.
    """
    for snapshot in line:
        if snapshot.snapshot_id == gated:
            return
        if snapshot.brings_data:
            raise Ungated(
                f"snapshot {snapshot.snapshot_id} has rows that the gate of {gated} "
                "did not see: run the gate again"
            )
    raise Ungated(f"snapshot {gated} is not in the table's history: gate again")


def until(line: tuple[Snapshot, ...], checkpoint: Checkpoint) -> tuple[Snapshot, ...]:
    """Return the part of the history that the reader has read."""
    at = checkpoint.consumed().snapshot_id
    ids = [snapshot.snapshot_id for snapshot in line]
    return line[ids.index(at) :] if at in ids else line


def drain(
    spark: SparkSession,
    source: str,
    checkpoint: Checkpoint,
    landing: SplitLanding | PromotionLanding,
    line: Sequence[Snapshot],
) -> None:
    """Read all that the table, whose history `line` is, has for this reader; end."""
    query = (
        reader(spark, source, rebuilt_alone(line, checkpoint.consumed()))
        .writeStream.foreachBatch(landing)
        .option("checkpointLocation", str(checkpoint.path))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()


def _checkpoint(settings: Settings, table: Table, exchange: str) -> Checkpoint:
    checkpoint = Checkpoint(settings.checkpoints / table.checkpoint(exchange))
    if not checkpoint.exists:
        raise NotPrimed(
            f"no checkpoint {checkpoint.path}: make it again from the tables with "
            "./bullion down, ./bullion restore"
        )
    return checkpoint


def _waiting(
    line: tuple[Snapshot, ...], checkpoint: Checkpoint
) -> tuple[Snapshot, ...]:
    """Return the snapshots that the reader has yet to read, or some of whose files."""
    new = pending(line, checkpoint.consumed())
    return tuple(each for each in line if each.snapshot_id in new)


def _head(spark: SparkSession, identifier: str, done: Sequence[Landed]) -> str | None:
    """Return the newest snapshot that brought rows to the table, as text.

    Such ids are too long for the numbers of browsers.
    """
    ids = [each.snapshot_id for each in done if each.added]
    head = ids[-1] if ids else newest_data(history(spark, identifier))
    return None if head is None else str(head)
