"""Trades and candles that a hand takes out of a stack's tables, and their rebuild."""

import json
from collections.abc import Sequence
from typing import Any

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In

from query.airflow_api import Airflow
from schemas.table import table_at
from tests.stack.laptop import Laptop, eventually
from tests.stack.promises import GOLD

DAG = "/api/v2/dags/rebuild/dagRuns"
FEW = 3
TODAY = "{} >= date_trunc('day', now())"
"""Of a recording's days silver has let go: they cannot be derived again."""


def trades(laptop: Laptop, exchange: str) -> list[dict[str, Any]]:
    """Return some of today's first trades of an exchange, whole."""
    return laptop.sql(
        f"SELECT * EXCLUDE (gold_ingestion_timestamp, vendor_data) FROM {GOLD} "
        f"WHERE exchange = '{exchange.upper()}' AND {TODAY.format('timestamp')} "
        f"ORDER BY timestamp, message_id LIMIT {FEW}"
    )


def taken_out(laptop: Laptop, some: Sequence[dict[str, Any]]) -> None:
    """Delete these trades from gold, and their minutes' candles."""
    first = some[0]
    minute = laptop.one(
        "SELECT strftime(min(window_start) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S') "
        "|| '+00:00' AS at FROM gold_crypto_candles_1m "
        f"WHERE exchange = '{first['exchange']}' AND {TODAY.format('window_start')}"
    )
    ids = [each["message_id"] for each in some]
    delete(laptop, "gold.trades", In(term="message_id", values=ids))
    delete(
        laptop,
        "gold.candles_1m",
        And(
            EqualTo(term="exchange", value=first["exchange"]),
            EqualTo(term="window_start", value=minute),
        ),
    )


def delete(laptop: Laptop, address: str, which: BooleanExpression) -> None:
    """Delete rows of a table beside whoever writes it."""

    def done() -> bool:
        table = laptop.catalog.load_table(table_at(address).identifier())
        try:
            table.delete(which)
        except CommitFailedException as other:
            print(f"a lane was faster: {other}")
            return False
        return True

    eventually(done, f"rows of {address} are gone", within=120, every=0.5)


def rebuilt(laptop: Laptop, exchange: str, day: str) -> str:
    """Rebuild gold of a day by hand; return how the run ended."""
    conf = {"layer": "gold", "exchange": exchange, "first": day, "write": True}
    order = ("dags", "trigger", "rebuild", "--run-id", "by-hand")
    laptop.run("airflow", *order, "--conf", json.dumps(conf))
    flow = Airflow(laptop.settings)
    state = ""

    def ended() -> bool:
        nonlocal state
        try:
            state = str(flow.ask(f"{DAG}/by-hand")["state"])
        except TimeoutError as late:
            print(f"Airflow has more to do than to answer: {late}")
        return state in ("success", "failed")

    eventually(ended, "the rebuild ends", within=600)
    return state
