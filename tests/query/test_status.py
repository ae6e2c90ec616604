"""What status says of the lanes, also while neighbours are away."""

import json
from datetime import datetime, timedelta

from rich.console import Console

from query.lake import Lake
from query.settings import Settings
from query.status import Airflow, dead_letters, lane, layer
from query.view import lane_table, what_next
from tests.expectations.cases import NOON
from tests.expectations.tables import append
from tests.query.conftest import EXCHANGE


def test_a_layer_tells_its_rows_and_its_newest_one(small: Lake) -> None:
    told = layer(small, "gold", "gold.trades", EXCHANGE)

    assert told["rows"] == 3
    assert datetime.fromisoformat(told["newest"]) == NOON + timedelta(minutes=1)
    assert told["freshness_s"] > 0


def test_a_layer_without_a_commit_has_no_rows_and_no_age(small: Lake) -> None:
    told = layer(small, "silver", "silver.trades", EXCHANGE)

    assert told == {
        "rows": 0,
        "last_commit": None,
        "newest": None,
        "freshness_s": None,
    }


def test_dead_letters_are_counted_by_reason(small: Lake) -> None:
    letter = {
        "exchange": EXCHANGE.upper(),
        "stage": "silver",
        "raw_record": b"\x07",
        "error_reason": "bad_wire_header",
        "error_type": "decode",
        "rule_version": "1",
        "kafka_topic": "acme",
        "kafka_partition": 0,
        "kafka_offset": 1,
        "error_timestamp": NOON,
    }
    table = small.catalog.load_table("market_data.silver_dead_letters")
    append(table, "silver.dead_letters", [letter, letter | {"kafka_offset": 2}])

    assert dead_letters(small) == {
        "total": 2,
        "by_reason": [
            {
                "exchange": EXCHANGE.upper(),
                "stage": "silver",
                "error_reason": "bad_wire_header",
                "rows": 2,
            }
        ],
    }


def test_neighbours_that_are_away_are_named_and_hide_nothing_else(
    small: Lake, settings: Settings
) -> None:
    settings.gates.mkdir()
    gate = {"outcome": "closed", "failed": ["price_jump"]}
    file = settings.gates / f"{EXCHANGE}.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in ({}, gate)))
    flow = Airflow(settings)
    told = lane(small, flow, EXCHANGE)

    assert flow.state.startswith("away")
    assert str(told["kafka_lag"]).startswith("unknown")
    assert told["layers"]["gold"]["rows"] == 3
    assert told["last_gate"] == gate
    with Console(width=160, record=True, file=open("/dev/null", "w")) as console:
        console.print(lane_table({"lanes": [told]}))
        console.print(what_next(told))
    text = console.export_text()
    assert "closed (price_jump)" in text and "trigger release_lane" in text
    with Console(width=160, record=True, file=open("/dev/null", "w")) as console:
        console.print(what_next(told | {"last_gate": gate | {"outcome": "passed"}}))
    assert console.export_text().strip() == ""
