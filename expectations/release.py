"""A closed lane is looked at, and released by what a person decides.

Rows that are refused become dead letters of the stage `gate`, with their bytes as
bronze has them; silver is not written again, and gold leaves out what they name. Rows
that are admitted need not meet what they did not meet, and go on with all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import (
    And,
    EqualTo,
    GreaterThanOrEqual,
    LessThanOrEqual,
    Reference,
)
from pyiceberg.expressions.literals import literal
from pyiceberg.table import Table

from expectations.catalog import added_by, consumed, open_catalog, pending
from expectations.engine import connection
from expectations.figures import MOST_JUMP, expect_prices
from expectations.gate_notes import last
from expectations.increment import checkpoint
from expectations.rule import given, version_of
from expectations.silver.trades import rules
from expectations.stage import REFUSE, STAGE
from schemas.table import all_exchanges, table_at

SHOWN = 8
"""Rows that a preview shows."""
TRIES = 5
"""How often a commit is tried that another one was before."""
SILVER, GOLD, LETTERS = "silver.trades", "gold.trades", "silver.dead_letters"
DECISIONS = "gold.decisions"
RUN = "bullion.decision"
"""Snapshot property: which run of `release_lane` refused these rows."""


class NotClosed(Exception):
    """There is nothing to decide: the message says why."""


class NothingToRefuse(Exception):
    """What was not met is no row's fault: there is only admitting it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What stands before a closed gate."""

    exchange: str
    snapshot_from: int
    snapshot_to: int
    rows: int
    failed: tuple[str, ...]
    """The critical expectations that were not met."""
    named: int
    """Rows that did not meet one of them."""
    samples: tuple[Mapping[str, str], ...]
    run_id: str
    """The gate's run, for its report in the Data Docs."""


def look(exchange: str, env: Mapping[str, str]) -> Look:
    """Return what the lane's last gate closed over.

    Raises:
        NotClosed: that gate did not close, or gold has gone on since.
        HistoryGone: snapshots expired under the reader.
    """
    gate = closed(exchange, env)
    catalog = open_catalog(env)
    with connection(env) as engine:
        rows = name_rows(engine, catalog, exchange, gate, env)
        found = engine.execute(
            "SELECT count(*), count(*) FILTER (len(reasons) > 0) FROM looked"
        ).fetchone()
        assert found is not None and found[0] == rows
        samples = engine.execute(
            "SELECT symbol, trade_id, strftime(timestamp AT TIME ZONE 'UTC', "
            "'%Y-%m-%d %H:%M:%S') AS time, price::VARCHAR AS price, "
            "quantity::VARCHAR AS quantity, side, list_aggregate(reasons, "
            "'string_agg', ', ') AS reasons FROM looked WHERE len(reasons) > 0 "
            f"ORDER BY kafka_partition, kafka_offset LIMIT {SHOWN}"
        ).to_arrow_table()
    return Look(
        exchange=exchange,
        snapshot_from=int(gate["snapshot_from"]),
        snapshot_to=int(gate["snapshot_to"]),
        rows=rows,
        failed=tuple(gate["failed"]),
        named=found[1],
        samples=tuple(samples.to_pylist()),
        run_id=gate["run_id"],
    )


def decide(
    exchange: str,
    snapshot_to: int,
    decision: str,
    reason: str,
    by: str,
    run_id: str,
    env: Mapping[str, str],
) -> dict[str, str]:
    """Enter a decision; rows that it refuses become dead letters first.

    The same run may try again: what it did is found, and not done twice.

    Raises:
        NotClosed: the gate has seen other rows since the person looked.
        NothingToRefuse: no row is at fault.
        HistoryGone: snapshots expired under the reader.
    """
    catalog = open_catalog(env)
    table = catalog.load_table(table_at(DECISIONS).identifier())
    mine = EqualTo(term=Reference("run_id"), value=literal(run_id))
    if done := table.scan(row_filter=mine).to_arrow().to_pylist():
        return {name: str(value) for name, value in done[0].items()}
    gate = closed(exchange, env, snapshot_to)
    now = datetime.now(UTC)
    with connection(env) as engine:
        rows = name_rows(engine, catalog, exchange, gate, env)
        at_fault = engine.execute(
            "SELECT * FROM looked WHERE len(reasons) > 0"
        ).to_arrow_table()
        if decision == REFUSE:
            if not at_fault.num_rows:
                raise NothingToRefuse(
                    f"{', '.join(gate['failed'])}: no row before the gate is at fault, "
                    "those that were are dead letters already; admit, or leave it"
                )
            refuse(engine, catalog, exchange, at_fault, reason, run_id, now)
    line = {
        "exchange": exchange.upper(),
        "snapshot_from": int(gate["snapshot_from"]),
        "snapshot_to": snapshot_to,
        "decision": decision,
        "expectations": ",".join(gate["failed"]),
        "silver_rows": rows,
        "named_rows": at_fault.num_rows,
        "reason": reason,
        "decided_by": by,
        "decided_at": now,
        "run_id": run_id,
    }
    entered(table, line)
    return {name: str(value) for name, value in line.items()}


def entered(table: Table, line: Mapping[str, object]) -> None:
    """Append the row of a decision."""
    appended(table, pa.Table.from_pylist([dict(line)], table.schema().as_arrow()), {})


def closed(
    exchange: str, env: Mapping[str, str], snapshot_to: int | None = None
) -> dict[str, Any]:
    """Return the note of the gate that closed; that of this snapshot, if it is given.

    Raises:
        NotClosed: it did not, or gold has read on.
    """
    if exchange not in all_exchanges():
        known = ", ".join(all_exchanges())
        raise NotClosed(f"no exchange {exchange[:60]!r}; there are: {known}")
    gate = last(Path(env["BULLION_GATES"]), exchange)
    if gate is None or gate["outcome"] != "closed":
        told = "no gate yet" if gate is None else f"the last gate: {gate['outcome']}"
        raise NotClosed(f"the lane of {exchange} is not closed ({told})")
    reached = consumed(checkpoint(GOLD, exchange, env)).snapshot_id
    if reached != int(gate["snapshot_from"]):
        raise NotClosed(f"gold of {exchange} has read on to {reached} since the gate")
    if snapshot_to is not None:
        # More rows may have come since; what was looked at is decided, and no more.
        gate = gate | {"snapshot_to": snapshot_to}
    return gate


def name_rows(
    engine: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    exchange: str,
    gate: Mapping[str, Any],
    env: Mapping[str, str],
) -> int:
    """Put the rows before the gate into `looked`, each with why; return how many.

    `reasons` has the expectations that a row did not meet, of those that failed.
    """
    silver = catalog.load_table(table_at(SILVER).identifier(exchange))
    line = pending(silver, consumed(checkpoint(GOLD, exchange, env)))
    ids = [each.snapshot_id for each in line]
    if int(gate["snapshot_to"]) not in ids:
        raise NotClosed(f"snapshot {gate['snapshot_to']} is not before the gate")
    covered = line[ids.index(int(gate["snapshot_to"])) :]
    files = [file for each in covered for file in added_by(silver, each).files]
    candles = catalog.load_table(table_at("gold.candles_1m").identifier())
    expect_prices(engine, files, candles, exchange)
    asked = [rule for rule in rules(exchange) if rule.error_reason in gate["failed"]]
    first = "".join(f", {sql} AS {name}" for name, sql in given(asked).items())
    reasons = [
        f"CASE WHEN NOT {rule.verdict} THEN '{rule.error_reason}' END" for rule in asked
    ]
    if "price_jump" in gate["failed"]:
        reasons.append(
            "CASE WHEN greatest(r.price::DOUBLE / e.price, e.price / r.price::DOUBLE) "
            f"> {MOST_JUMP} THEN 'price_jump' END"
        )
    why = ", ".join(reasons) or "NULL"
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE looked AS "
        f"SELECT r.*, list_filter([{why}], lambda x: x IS NOT NULL) AS reasons "
        f"FROM (SELECT *{first} FROM read_parquet($1)) r LEFT JOIN expected e "
        "ON e.symbol = r.symbol AND e.day = r.timestamp::DATE",
        [files],
    )
    counted = engine.execute("SELECT count(*) FROM looked").fetchone()
    assert counted is not None
    return int(counted[0])


def refuse(
    engine: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    exchange: str,
    at_fault: pa.Table,
    reason: str,
    run_id: str,
    now: datetime,
) -> None:
    """Write rows as dead letters; not again, if this run did so before."""
    table = catalog.load_table(table_at(LETTERS).identifier())
    if any(
        each.summary is not None
        and each.summary.additional_properties.get(RUN) == run_id
        for each in table.snapshots()
    ):
        return
    engine.register("at_fault", at_fault)
    engine.register("raw", raw_records(catalog, exchange, at_fault))
    letters = engine.execute(
        "SELECT $1 AS exchange, $2 AS stage, raw_bytes AS raw_record, "
        "reasons[1] AS error_reason, 'gate' AS error_type, $3 AS error_detail, "
        "$4 AS rule_version, kafka_topic, kafka_partition, kafka_offset, "
        "f.schema_id AS schema_id, $5::TIMESTAMPTZ AS error_timestamp, "
        "symbol, trade_id "
        'FROM at_fault f LEFT JOIN raw ON raw."partition" = kafka_partition '
        'AND raw."offset" = kafka_offset ORDER BY kafka_partition, kafka_offset',
        [
            *(exchange.upper(), STAGE, reason),
            *(version_of(rules(exchange)), now),
        ],
    ).to_arrow_table()
    appended(table, letters.cast(table.schema().as_arrow()), {RUN: run_id})


def raw_records(catalog: Catalog, exchange: str, at_fault: pa.Table) -> pa.Table:
    """Return the messages of some rows as bronze has them; none that it let go."""
    bronze = catalog.load_table(table_at("bronze.trades").identifier(exchange))
    when = at_fault.column("bronze_ingestion_timestamp")
    first, last_one = pa.compute.min(when).as_py(), pa.compute.max(when).as_py()
    moment = Reference("bronze_ingestion_timestamp")
    scan = bronze.scan(
        row_filter=And(
            GreaterThanOrEqual(term=moment, value=literal(first.isoformat())),
            LessThanOrEqual(term=moment, value=literal(last_one.isoformat())),
        ),
        selected_fields=("partition", "offset", "raw_bytes"),
    )
    found: pa.Table = scan.to_arrow().select(["partition", "offset", "raw_bytes"])
    return found


def appended(table: Table, rows: pa.Table, properties: dict[str, str]) -> None:
    """Append rows; try again where another commit was before.

    Raises:
        CommitFailedException: of the last of TRIES.
    """
    for left in reversed(range(TRIES)):
        try:
            table.append(rows, snapshot_properties=properties)
        except CommitFailedException:
            if not left:
                raise
            table.refresh()
        else:
            return
