"""A step of a lane: read what is new, land it, and report in figures."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from schemas.table import Table, table_at
from schemas.topic import TRADES
from spark_apps.app import Promotion, Run, Split
from spark_apps.landing import SplitLanding, on_it_goes
from spark_apps.marks import marked
from spark_apps.promotion import PromotionLanding
from spark_apps.registry import registered
from spark_apps.settings import Settings
from spark_apps.streams import (
    Checkpoint,
    NotPrimed,
    Snapshot,
    history,
    newest_data,
    pending,
    reader,
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
    first, second = "silver.trades", "silver.dead_letters"
    trades, letters = (table_at(each).identifier(exchange) for each in (first, second))
    source = table_at(app.reads).identifier(exchange)
    checkpoint = _checkpoint(settings, table_at(first), exchange)
    before = checkpoint.last_batch
    if checkpoint.has_begun_batch or pending(
        history(spark, source), checkpoint.consumed()
    ):
        run = Run(exchange=exchange, started_at=datetime.now(UTC))
        known = registered(settings.registry_url, TRADES.subject(exchange))
        landing = SplitLanding(
            app=app,
            run=replace(run, schemas=known),
            checkpoint=checkpoint,
            registry_url=settings.registry_url,
            notes=settings.airflow,
            passed=passed,
        )
        drain(spark, source, checkpoint, landing)
    good = marked(spark, trades, checkpoint.query_id, before)
    bad = marked(spark, letters, checkpoint.query_id, before)
    return {
        "snapshot_id": _text(newest_data(history(spark, trades))),
        "rows": sum(each["rows"] for each in {**bad, **good}.values()),
        "silver": sum(each["added"] for each in good.values()),
        "dead_letters": sum(each["added"] for each in bad.values()),
    }


def promote(
    spark: SparkSession,
    app: Promotion,
    exchange: str,
    settings: Settings,
    gated: int,
    passed: Callable[[str], None] = on_it_goes,
) -> Report:
    """Carry what passed the gate, and nothing else; return the report.

    Raises:
        Ungated: the source has rows behind `gated`, the snapshot that the gate saw.
    """
    source = table_at(app.reads).identifier(exchange)
    written, windows = (table_at(each) for each in (app.writes, app.windows))
    checkpoint = _checkpoint(settings, written, exchange)
    before = checkpoint.last_batch
    line = history(spark, source)
    require_gated(line, gated)
    if checkpoint.has_begun_batch or pending(line, checkpoint.consumed()):
        landing = PromotionLanding(
            app=app,
            run=Run(exchange=exchange, started_at=datetime.now(UTC)),
            checkpoint=checkpoint,
            notes=settings.airflow,
            passed=passed,
        )
        drain(spark, source, checkpoint, landing)
        # Whoever wrote to silver meanwhile broke the lane's rule: say so aloud.
        require_gated(until(history(spark, source), checkpoint), gated)
    done = marked(spark, windows.identifier(), checkpoint.query_id, before).values()
    return {
        "snapshot_id": _text(newest_data(history(spark, written.identifier()))),
        **{name: sum(each[name] for each in done) for name in FIGURES},
        "candles": sum(each["windows"] for each in done),
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
) -> None:
    """Read all that the table has for this reader, and end."""
    query = (
        reader(spark, source)
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
            f"no checkpoint {checkpoint.path}: run `python -m spark_apps.run bootstrap`"
        )
    return checkpoint


def _text(snapshot_id: int | None) -> str | None:
    """Snapshot ids are too long for the numbers of browsers."""
    return None if snapshot_id is None else str(snapshot_id)
