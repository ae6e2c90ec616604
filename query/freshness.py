"""How old trades are when a layer first shows them, over the last minutes."""

from collections.abc import Sequence
from typing import Any

import duckdb
from pyiceberg.table import Table

from query.reading.lake import Lake
from query.settings import Settings
from schemas.table import table_at

LAYERS = {
    "bronze": ("kafka_timestamp", "bronze_ingestion_timestamp"),
    "silver": ("ingestion_timestamp", "validation_timestamp"),
    "gold": ("ingestion_timestamp", "gold_ingestion_timestamp"),
}
"""Where a row's clock begins, and the run that wrote it, for each layer."""


def freshness(settings: Settings, minutes: float) -> Sequence[dict[str, Any]]:
    """Return p50, p95 and max seconds for each exchange and layer.

    A row's age is the commit time of the snapshot that made it visible, minus when
    its message reached Kafka (bronze) or its frame reached us (silver, gold). The
    snapshot is the first committed at or after the moment at which the row's run
    began, which each row carries; runs of one table and exchange never overlap.
    """
    found = []
    with Lake(settings) as lake:
        for exchange in settings.exchanges:
            for name, (begins, ran) in LAYERS.items():
                spec = table_at(f"{name}.trades")
                table = lake.catalog.load_table(spec.identifier(exchange))
                commits(lake.engine, table)
                view = spec.identifier(exchange).split(".")[-1]
                mine = (
                    "" if spec.per_exchange else f"AND exchange = '{exchange.upper()}'"
                )
                rows = lake.read(
                    "SELECT count(*), quantile_cont(age, 0.5), "
                    "quantile_cont(age, 0.95), max(age) FROM (SELECT "
                    f"(c.moment - epoch_ms(r.{begins})) / 1000 AS age FROM {view} r "
                    f"ASOF JOIN commits c ON epoch_ms(r.{ran}) <= c.moment "
                    f"WHERE epoch_ms(r.{ran}) > epoch_ms(now()) - {minutes * 60000} "
                    f"{mine})",
                    lambda answer: answer.fetchall(),
                )
                ((count, p50, p95, most),) = rows
                found.append(
                    {
                        "exchange": exchange,
                        "layer": name,
                        "rows": count,
                        "p50_s": rounded(p50),
                        "p95_s": rounded(p95),
                        "max_s": rounded(most),
                    }
                )
    return found


def commits(engine: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make the temporary table of moments at which rows became visible."""
    engine.execute("CREATE OR REPLACE TEMP TABLE commits (moment BIGINT)")
    moments = [
        [snapshot.timestamp_ms]
        for snapshot in table.snapshots()
        if snapshot.summary is not None
        and int(snapshot.summary.additional_properties.get("added-data-files", 0))
    ]
    if moments:
        engine.executemany("INSERT INTO commits VALUES (?)", moments)


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
