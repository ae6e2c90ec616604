"""The Avro files, the record and the tables say the same."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid5

import pytest

from schemas.table import all_tables, table_at
from schemas.topic import ALL_TOPICS, REJECTED, TRADES, Topic
from schemas.trade import MESSAGES, SCALE, TRADE_COLUMNS, Side, Trade, message_id

# Two records of the requirements, written out there and not by this code.
VECTORS = [
    ("BINANCE", "BTC", "USDT", "3735683259", "e3255926-3161-595f-b447-5bd799123523"),
    ("KRAKEN", "BTC", "USD", "109116693", "1af9ea4a-870c-53da-88f2-8ded0f0ddff7"),
]


@pytest.mark.parametrize(("exchange", "base", "quote", "trade_id", "told"), VECTORS)
def test_a_trade_has_the_id_that_the_requirements_print(
    exchange: str, base: str, quote: str, trade_id: str, told: str
) -> None:
    trade = Trade(
        trade_id=trade_id,
        exchange=exchange,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        price=Decimal("1"),
        quantity=Decimal("1"),
        base_asset=base,
        quote_currency=quote,
        side=Side.BUY,
        ingestion_timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        vendor_data={},
    )

    assert (trade.message_id, trade.symbol) == (told, base + quote)


def test_an_id_is_what_python_makes_of_the_name() -> None:
    ids = [str(number) for number in range(200)]

    assert [message_id("ACME", "ÄTHUSD", trade_id) for trade_id in ids] == [
        str(uuid5(MESSAGES, f"ACME|ÄTHUSD|{trade_id}")) for trade_id in ids
    ]


def test_the_avro_record_has_the_fields_of_the_columns_in_their_order() -> None:
    fields = json.loads(TRADES.schema)["fields"]

    assert [field["name"] for field in fields] == [c.name for c in TRADE_COLUMNS]
    for field, column in zip(fields, TRADE_COLUMNS, strict=True):
        # A field that was added later: rows of before have none (add-a-field.md).
        may_lack = isinstance(field["type"], list)
        assert may_lack is column.nullable, column.name
        if may_lack:
            assert (field["type"][0], field["default"]) == ("null", None), column.name


@pytest.mark.parametrize("name", ["price", "quantity"])
def test_digits_have_the_same_room_on_the_wire_and_in_the_tables(name: str) -> None:
    (wire,) = (f for f in json.loads(TRADES.schema)["fields"] if f["name"] == name)
    (column,) = (column for column in TRADE_COLUMNS if column.name == name)

    assert wire["type"]["logicalType"] == "decimal"
    assert (wire["type"]["precision"], wire["type"]["scale"]) == (38, SCALE)
    assert column.type == f"decimal(38, {SCALE})"


@pytest.mark.parametrize("topic", ALL_TOPICS, ids=lambda topic: topic.kind)
def test_a_topic_is_named_for_its_exchange(topic: Topic) -> None:
    assert topic.name("acme") == f"market.crypto.{topic.kind}.acme"
    assert topic.subject("acme") == f"{topic.name('acme')}-value"


def test_trades_have_six_partitions_and_rejected_frames_one() -> None:
    assert (TRADES.partitions, REJECTED.partitions) == (6, 1)


def test_every_name_in_the_catalog_is_given_once() -> None:
    names = [
        name for table in all_tables() for name in table.identifiers(("acme", "ajax"))
    ]

    assert len(names) == len(set(names)) > len(all_tables())


def test_a_table_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(LookupError, match="no table at 'gold.nuggets'.*gold.trades"):
        table_at("gold.nuggets")


def test_a_table_of_each_exchange_asks_which() -> None:
    with pytest.raises(ValueError, match="name one"):
        table_at("silver.trades").identifier()
