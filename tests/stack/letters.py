"""Dead letters for a stack: some whose schema comes late, and one that is poison."""

import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import fastavro
from confluent_kafka import Producer

from query.airflow_api import Airflow
from schemas.topic import TRADES
from schemas.trade import Side, Trade
from stack.settings import environment
from tests.stack.laptop import Laptop, eventually

WIDER = TRADES.schema.replace(
    '"fields": [', '"fields": [{"name": "desk", "type": "string"},', 1
)
DAG = "/api/v2/dags/replay_dead_letters/dagRuns"
SYMBOL = "ZZZUSD"
"""Of no feed: what is planted leaves no hole between others' ids."""
AHEAD = 4
"""The registry gives the next schema one of so many ids."""


def trade(exchange: str, number: int, price: str = "7.25") -> Trade:
    now = datetime.now(UTC) - timedelta(minutes=1)
    return Trade(
        trade_id=str(number),
        exchange=exchange.upper(),
        timestamp=now,
        price=Decimal(price),
        quantity=Decimal("0.5"),
        base_asset="ZZZ",
        quote_currency="USD",
        side=Side.BUY,
        ingestion_timestamp=now,
        vendor_data={"source": "ws"},
    )


def message(said: Trade, schema_id: int, schema: str = TRADES.schema) -> bytes:
    """Return header and Avro, by a writer that is none of ours."""
    values = {each.name: getattr(said, each.name) for each in fields(said)}
    body = io.BytesIO()
    parsed = fastavro.parse_schema(json.loads(schema))
    fastavro.schemaless_writer(body, parsed, values | {"desk": "floor"})
    return b"\0" + schema_id.to_bytes(4, "big") + body.getvalue()


def asked(laptop: Laptop, path: str, body: Mapping[str, str] | None = None) -> Any:
    """Return what the registry answers; None if it has no such thing."""
    url = environment(laptop.place)["BULLION_REGISTRY_URL"]
    request = urllib.request.Request(
        f"{url}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def planted(laptop: Laptop, exchange: str) -> range:
    """Send messages of schemas that nobody knows yet, and one with a price of 0.

    Return the ids of their schemas; the trade of each has the same number.
    """
    subject = TRADES.subject(exchange)
    known = asked(laptop, f"subjects/{subject}/versions/latest")["id"]
    unused = next(
        n for n in range(1, 1000) if asked(laptop, f"schemas/ids/{n}") is None
    )
    coming = range(unused, unused + AHEAD)
    late = [message(trade(exchange, n), n, WIDER) for n in coming]
    producer = Producer({"bootstrap.servers": laptop.settings.kafka_servers})
    for value in (*late, message(trade(exchange, 9999, "0"), known)):
        producer.produce(TRADES.name(exchange), value, SYMBOL.encode())
    assert producer.flush(60) == 0
    return coming


def registered(laptop: Laptop) -> int:
    """Let the registry learn the schema; return its id."""
    told = asked(laptop, "subjects/late-value/versions", {"schema": WIDER})
    return int(told["id"])


def triggered(laptop: Laptop, run: str, **conf: object) -> None:
    order = {"dag_run_id": run, "logical_date": None, "conf": conf}
    Airflow(laptop.settings).ask(DAG, order)


def answered(laptop: Laptop, run: str, reason: str) -> dict[str, Any]:
    """Wait until a person is asked, and answer; return what was shown."""
    flow = Airflow(laptop.settings)
    answer = f"{DAG}/{run}/taskInstances/answer"
    eventually(
        lambda: str(flow.ask(answer).get("state")) == "awaiting_input",
        "a person is asked",
        every=2,
    )
    # Airflow fails a task that is answered before its scheduler has heard of the pause.
    time.sleep(20)
    shown = flow.ask(f"{answer}/-1/hitlDetails")
    said = {"chosen_options": ["Send them again"], "params_input": {"reason": reason}}
    flow.ask(f"{answer}/-1/hitlDetails", said, "PATCH")
    return shown


def ended(laptop: Laptop, run: str) -> str:
    """Wait for a run to end; return how."""
    flow = Airflow(laptop.settings)

    def state() -> str:
        return str(flow.ask(f"{DAG}/{run}")["state"])

    eventually(lambda: state() in ("success", "failed"), f"{run} ends", every=3)
    return state()
