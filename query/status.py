"""How the lanes are: rows, commits, freshness, lag, dead letters, gates, next runs."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from expectations.catalog import HistoryGone, consumed, pending
from expectations.gate_notes import last
from query.accounting import accounting
from query.airflow_api import Airflow
from query.capture import capture
from query.completeness import completeness
from query.drills import last_drill
from query.reading.as_of import time_of
from query.reading.lake import Lake
from query.settings import Settings
from query.watch.book import Book
from schemas.table import table_at
from schemas.topic import TRADES

ADDRESSES = {
    "bronze": "bronze.trades",
    "silver": "silver.trades",
    "gold": "gold.trades",
}
NEWEST = {
    "bronze": "kafka_timestamp",
    "silver": "ingestion_timestamp",
    "gold": "ingestion_timestamp",
}
"""The column by which a layer's newest row is told."""
FROM = {"silver": "bronze", "gold": "silver"}
"""The layer that a layer's stream reads."""


def status(settings: Settings) -> dict[str, Any]:
    """Return one object that says all; what cannot be asked says why instead."""
    with Lake(settings) as lake:
        flow = Airflow(settings)
        return {
            "at": now().isoformat(timespec="seconds"),
            "lanes": [lane(lake, flow, exchange) for exchange in settings.exchanges],
            "dead_letters": dead_letters(lake),
            "completeness": completeness(lake),
            "accounting": accounting(lake),
            "drill": last_drill(settings.backups),
            "failed_dags": flow.failed_dags(),
            "airflow": flow.state,
            **Book.read(settings.alerts).told(),
        }


def now() -> datetime:
    return datetime.now(UTC)


def lane(lake: Lake, flow: Airflow, exchange: str) -> dict[str, Any]:
    told = lane_watched(lake, flow, exchange)
    layers = {
        name: layer(lake, name, address, exchange) | told["layers"].get(name, {})
        for name, address in ADDRESSES.items()
    }
    return told | {"layers": layers}


def lane_watched(lake: Lake, flow: Airflow, exchange: str) -> dict[str, Any]:
    """Return what is told of a lane without counting rows."""
    settings = lake.settings
    bronze = lake.catalog.load_table(table_at("bronze.trades").identifier(exchange))
    return {
        "exchange": exchange,
        "layers": {
            "bronze": newest(lake, bronze, "bronze", ""),
            **waits(lake, exchange),
        },
        "capture": capture(settings, exchange),
        "kafka_lag": kafka_lag(settings, exchange),
        "last_gate": last_gate(settings, exchange),
        **flow.lane(exchange),
    }


def waits(lake: Lake, exchange: str) -> dict[str, dict[str, float | str]]:
    """Return how long the oldest commit that silver, or gold, must read has waited.

    `waits_s` is in seconds, 0 where nothing waits; `history_gone` says why it cannot be
    told, where snapshots expired under the reader.
    """
    found: dict[str, dict[str, float | str]] = {}
    for name, source in FROM.items():
        table = lake.catalog.load_table(
            table_at(ADDRESSES[source]).identifier(exchange)
        )
        place = lake.settings.checkpoints / table_at(ADDRESSES[name]).checkpoint(
            exchange
        )
        try:
            unread = pending(table, consumed(place))
        except HistoryGone as gone:
            found[name] = {"history_gone": str(gone)}
            continue
        oldest = unread[-1].timestamp_ms / 1000 if unread else None
        waited = 0.0 if oldest is None else max(0.0, now().timestamp() - oldest)
        found[name] = {"waits_s": round(waited, 1)}
    return found


def layer(lake: Lake, name: str, address: str, exchange: str) -> dict[str, Any]:
    """Return rows, last commit and freshness of one table of a lane.

    Freshness is now minus when the newest row reached Kafka or us, in seconds. Only
    the files of the newest commit that brought rows are read for it.
    """
    spec = table_at(address)
    table = lake.catalog.load_table(spec.identifier(exchange))
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        return {"rows": 0, "last_commit": None, "newest": None, "freshness_s": None}
    rows = int(snapshot.summary.additional_properties.get("total-records", 0))
    mine = "" if spec.per_exchange else f" WHERE exchange = '{exchange.upper()}'"
    if mine:
        view = spec.identifier(exchange).split(".")[-1]
        text = f"SELECT count(*) FROM {view}{mine}"
        found = lake.read(text, lambda answer: answer.fetchone())
        rows = int(found[0]) if found else 0
    committed = time_of(snapshot)
    return {
        "rows": rows,
        "last_commit": committed.isoformat(timespec="seconds"),
        **newest(lake, table, name, mine),
    }


def newest(lake: Lake, table: Table, name: str, mine: str) -> dict[str, Any]:
    """Return when a layer's newest row came, and how many seconds ago."""
    row = newest_row(lake, table, NEWEST[name], mine)
    return {
        "newest": row.isoformat(timespec="milliseconds") if row else None,
        "freshness_s": round((now() - row).total_seconds(), 1) if row else None,
    }


def newest_row(lake: Lake, table: Table, column: str, mine: str) -> datetime | None:
    """Return the newest time in a column, by the last snapshots that added files."""
    at, tried = table.current_snapshot(), 0
    while at is not None and tried < 20:
        files = [
            entry.data_file.file_path
            for manifest in at.manifests(table.io)
            if manifest.added_snapshot_id == at.snapshot_id
            for entry in manifest.fetch_manifest_entry(table.io)
            if entry.snapshot_id == at.snapshot_id
        ]
        if files:
            found = lake.engine.execute(
                f'SELECT epoch_us(max("{column}")) FROM read_parquet($1){mine}', [files]
            ).fetchone()
            if found and found[0] is not None:
                return datetime.fromtimestamp(found[0] / 1e6, UTC)
        parent = at.parent_snapshot_id
        at = table.snapshot_by_id(parent) if parent else None
        tried += 1
    return None


def kafka_lag(settings: Settings, exchange: str) -> int | str:
    """Return how many messages bronze has yet to read, or why that is unknown."""
    folder = settings.checkpoints / table_at("bronze.trades").checkpoint(exchange)
    commits = [int(file.name) for file in (folder / "commits").glob("[0-9]*")]
    topic = TRADES.name(exchange)
    read: Mapping[str, int] = {}
    if commits:
        lines = (folder / "offsets" / str(max(commits))).read_text().splitlines()
        read = json.loads(lines[-1]).get(topic, {})
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_servers,
            "group.id": "bullion-status",
            "log_level": 0,
        }
    )
    try:
        known = consumer.list_topics(topic, timeout=3).topics[topic].partitions
        ends = {
            part: consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=3)
            for part in known
        }
        return sum(
            end[1] - int(read.get(str(part), end[0]))
            for part, end in ends.items()
            if end
        )
    except KafkaException as error:
        return f"unknown: {error.args[0].str()}"
    finally:
        consumer.close()


LETTERS = """
SELECT exchange, stage, error_reason, count(*) AS rows,
  count(*) FILTER (came IS NOT NULL) AS recovered,
  count(*) FILTER (back IS NOT NULL) AS returned
FROM silver_dead_letters
LEFT JOIN (
  SELECT DISTINCT 'silver' AS stage, kafka_topic, first_partition AS kafka_partition,
    first_offset AS kafka_offset, true AS came
  FROM dead_letter_replays WHERE outcome IN ('gold', 'duplicate')
) USING (stage, kafka_topic, kafka_partition, kafka_offset)
LEFT JOIN (
  SELECT DISTINCT kafka_topic, sent_partition AS kafka_partition,
    sent_offset AS kafka_offset, true AS back
  FROM dead_letter_replays
) USING (kafka_topic, kafka_partition, kafka_offset)
GROUP BY ALL ORDER BY ALL
"""


def dead_letters(lake: Lake) -> dict[str, Any]:
    """Return how many dead letters there are, and for which reasons.

    Of them `recovered` have reached gold by a replay, and `returned` are no news: a
    replay brought them back.
    """
    rows = lake.read(LETTERS, lambda answer: answer.fetchall())
    names = ("exchange", "stage", "error_reason", "rows", "recovered", "returned")
    reasons = [dict(zip(names, row, strict=True)) for row in rows]
    return {"total": sum(row[3] for row in rows), "by_reason": reasons}


def last_gate(settings: Settings, exchange: str) -> dict[str, Any] | None:
    """Return what the last gate of a lane said; None before the first."""
    return last(settings.gates, exchange)


def is_there(catalog: Catalog) -> bool:
    """Return whether the tables have been made."""
    return bool(catalog.table_exists(table_at("gold.trades").identifier()))
