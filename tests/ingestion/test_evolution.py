"""An incompatible schema is refused by the name of the field that breaks."""

import json
from typing import Any

import pytest

from ingestion.evolution import obstacles
from ingestion.registry import refusal
from schemas.topic import ALL_TOPICS, TRADES, Topic


def changed(name: str, **change: Any) -> str:
    schema = json.loads(TRADES.schema)
    (field,) = (field for field in schema["fields"] if field["name"] == name)
    field |= change
    return json.dumps(schema)


def extended(**field: Any) -> str:
    schema = json.loads(TRADES.schema)
    schema["fields"].append(field)
    return json.dumps(schema)


NARROW = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 8}
BROKEN = [
    (extended(name="desk", type="string"), "field 'desk': it is new and has no"),
    (changed("trade_id", type="long"), "field 'trade_id': the type changed"),
    (changed("price", type=NARROW), "from decimal(38, 18) to decimal(38, 8)"),
    (
        changed("side", type={"type": "enum", "name": "Side", "symbols": ["BUY"]}),
        "field 'side': the symbols SELL were taken away",
    ),
    (
        changed("vendor_data", type={"type": "map", "values": "long"}),
        "values of field 'vendor_data'",
    ),
    (TRADES.schema.replace("CryptoTradeV3", "CryptoTrade"), "it was renamed"),
]
SOUND = [
    TRADES.schema,
    extended(name="desk", type=["null", "string"], default=None),
    changed("trade_id", type=["null", "string"]),
    changed("trade_id", doc="said better"),
]


@pytest.mark.parametrize(("schema", "told"), BROKEN)
def test_a_change_that_breaks_readers_is_named(schema: str, told: str) -> None:
    (found,) = obstacles(TRADES.schema, schema)
    assert told in found
    assert "default" in refusal("acme-value", [found]).splitlines()[-1]


@pytest.mark.parametrize("schema", SOUND)
def test_a_change_that_breaks_nobody_passes(schema: str) -> None:
    assert obstacles(TRADES.schema, schema) == []


@pytest.mark.parametrize("topic", ALL_TOPICS, ids=lambda topic: topic.kind)
def test_a_schema_can_read_itself(topic: Topic) -> None:
    assert obstacles(topic.schema, topic.schema) == []
