"""Every bronze message becomes a silver trade or a dead letter, with its reason."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import Row

from schemas.topic import TRADES
from spark_apps.app import Run
from spark_apps.registry import RegistryUnreachable
from spark_apps.silver.trades import silver_trades
from tests.spark_apps.lake import NOON, Lake, Registry, message, record, trade

pytestmark = pytest.mark.spark

WIDER = TRADES.schema.replace(
    '"fields": [', '"fields": [{"name": "desk", "type": "string"},', 1
)
"""A writer's schema with a field more, in front of all others."""


def broken(lake: Lake, **changes: Any) -> bytes:
    return message(record(trade(lake.exchange), **changes))


def letters(lake: Lake) -> list[Row]:
    return lake.rows("silver.dead_letters", "kafka_offset")


def test_a_trade_keeps_every_digit(lake: Lake) -> None:
    tiny, huge = Decimal("0.00000001"), Decimal("12345678901234567.123456789012345678")
    lake.arrive(
        trade(lake.exchange, price=tiny, quantity=huge),
        trade(lake.exchange, trade_id="2"),
    )

    report = lake.refine()

    first, second = lake.rows("silver.trades", "kafka_offset")
    assert (first.price, first.quantity) == (tiny, huge)
    assert (second.price, second.quantity) == (Decimal("83744.3"), Decimal("0.0004478"))
    assert first.timestamp == NOON.replace(tzinfo=None)
    assert first.vendor_data == {"source": "ws"}
    assert (first.schema_id, first.kafka_offset) == (7, 0)
    assert report["snapshot_id"] and report["rows"] == report["silver"] == 2
    assert report["dead_letters"] == 0


def test_what_cannot_be_read_is_kept_with_the_reason(lake: Lake) -> None:
    sound = message(trade(lake.exchange))
    cases = [
        (None, "empty_payload"),
        (b"", "empty_payload"),
        (b"\x00\x00\x00", "bad_wire_header"),
        (sound[:5], "bad_wire_header"),
        (b"\x01" + sound[1:], "bad_wire_header"),
        (b"\x00\xff\xff\xff\xff" + sound[5:], "bad_wire_header"),
        (b"\x00\x00\x00\x00\x63" + sound[5:], "unknown_schema_id"),
        (sound[:-1], "deserialization_failed"),
        (sound[:60], "deserialization_failed"),
        (sound + b"\x00", "deserialization_failed"),
        (sound + sound[5:], "deserialization_failed"),
        (sound[:5] + b"\xff" * 40, "deserialization_failed"),
    ]
    lake.arrive(*(value for value, _ in cases), sound)

    report = lake.refine()

    found = letters(lake)
    assert [row.error_reason for row in found] == [reason for _, reason in cases]
    assert [row.raw_record and bytes(row.raw_record) for row in found] == [
        value for value, _ in cases
    ]
    assert {(row.stage, row.error_type, row.error_detail) for row in found} == {
        ("silver", "decode", None)
    }
    assert len(lake.rows("silver.trades")) == 1
    assert (report["rows"], report["silver"], report["dead_letters"]) == (13, 1, 12)


def test_a_broken_rule_is_named_and_the_others_after_it(lake: Lake) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"message_id": ""}, "message_id_required"),
        ({"trade_id": ""}, "trade_id_required"),
        ({"symbol": ""}, "symbol_required"),
        ({"exchange": "OTHER"}, "invalid_exchange"),
        ({"base_asset": "ETH"}, "asset_pair_mismatch"),
        ({"trade_id": "2"}, "message_id_mismatch"),
        ({"price": Decimal(0)}, "price_must_be_positive"),
        ({"quantity": Decimal(-1)}, "quantity_must_be_positive"),
        ({"timestamp": NOON + timedelta(seconds=61)}, "timestamp_in_future"),
    ]
    lake.arrive(
        *(broken(lake, **changes) for changes, _ in cases),
        broken(lake, price=Decimal(0), quantity=Decimal(0)),
    )

    report = lake.refine()

    found = letters(lake)
    assert [row.error_reason for row in found[:-1]] == [reason for _, reason in cases]
    assert found[-1].error_reason == "price_must_be_positive"
    assert found[-1].error_detail == "quantity_must_be_positive"
    assert (report["silver"], report["dead_letters"]) == (0, len(cases) + 1)


def test_a_time_that_no_calendar_has_is_a_dead_letter_and_not_the_end(
    lake: Lake,
) -> None:
    lake.arrive(
        broken(lake, ingestion_timestamp=2**63 - 1), broken(lake, timestamp=-(2**63))
    )

    lake.refine()

    assert [row.error_reason for row in letters(lake)] == ["deserialization_failed"] * 2


def test_each_message_is_read_by_the_schema_that_wrote_it(
    lake: Lake, registry: Registry
) -> None:
    registry.schemas[8] = WIDER
    values = record(trade(lake.exchange, trade_id="8")) | {"desk": "floor"}
    lake.arrive(message(values, 8, WIDER), trade(lake.exchange, trade_id="7"))

    lake.refine()

    found = lake.rows("silver.trades", "trade_id")
    assert [(row.trade_id, row.schema_id) for row in found] == [("7", 7), ("8", 8)]
    assert letters(lake) == []


def test_an_id_that_the_registry_learns_later_is_waited_for(
    lake: Lake, registry: Registry
) -> None:
    values = record(trade(lake.exchange, trade_id="9")) | {"desk": "floor"}
    lake.arrive(message(values, 9, WIDER), trade(lake.exchange))
    patient = replace(lake.settings, unknown_schema_patience=timedelta(minutes=5))

    with pytest.raises(Exception, match="does not know the schema ids .9."):
        replace(lake, settings=patient).refine()
    assert letters(lake) == lake.rows("silver.trades") == []
    registry.schemas[9] = WIDER
    report = replace(lake, settings=patient).refine()

    assert (report["silver"], report["dead_letters"]) == (2, 0)


def test_an_id_that_was_given_up_stays_so_in_a_batch_that_is_done_again(
    lake: Lake, registry: Registry
) -> None:
    values = record(trade(lake.exchange, trade_id="10")) | {"desk": "floor"}
    lake.arrive(message(values, 10, WIDER), trade(lake.exchange))
    with pytest.raises(Exception, match="Crash"):
        lake.refine(crash="after silver.trades")
    registry.schemas[10] = WIDER

    report = lake.refine()

    assert (report["silver"], report["dead_letters"]) == (1, 1)
    assert [row.error_reason for row in letters(lake)] == ["unknown_schema_id"]


def test_nothing_new_means_no_new_snapshot(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange))
    first = lake.refine()

    second = lake.refine()

    assert second == first | {"rows": 0, "silver": 0}


@pytest.mark.parametrize(
    "point",
    ["before silver.trades", "after silver.trades", "after silver.dead_letters"],
)
def test_a_crash_leaves_each_row_once(lake: Lake, point: str) -> None:
    lake.arrive(trade(lake.exchange), b"poison")
    with pytest.raises(Exception, match=f"Crash: {point}"):
        lake.refine(crash=point)
    lake.arrive(trade(lake.exchange, trade_id="2"))

    report = lake.refine()

    assert len(lake.rows("silver.trades")) == 2
    assert len(letters(lake)) == 1
    assert (report["rows"], report["silver"], report["dead_letters"]) == (3, 2, 1)


def test_each_message_is_read_once_for_each_table(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.arrive(trade(lake.exchange))
    bronze = lake.spark.table(lake.name("bronze.trades"))
    run = Run(exchange=lake.exchange, started_at=NOON, schemas={7: TRADES.schema})

    for rows in silver_trades(bronze, run).values():
        rows.explain("extended")
        _, _, plan = capsys.readouterr().out.partition("== Optimized Logical Plan ==")
        assert plan.partition("== Physical Plan ==")[0].count("from_avro") == 1


def test_a_silent_registry_ends_the_run_and_loses_nothing(lake: Lake) -> None:
    lake.arrive(trade(lake.exchange))
    silent = replace(lake.settings, registry_url="http://127.0.0.1:9")

    with pytest.raises(RegistryUnreachable):
        replace(lake, settings=silent).refine()

    assert letters(lake) == []
    assert lake.refine()["silver"] == 1
