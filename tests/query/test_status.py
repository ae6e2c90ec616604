"""What status says of the lanes, also while neighbours are away."""

import json
import time
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console

from query.airflow_api import Airflow
from query.completeness import completeness, owing
from query.reading.lake import Lake
from query.settings import Settings
from query.status import dead_letters, lane, lane_watched, layer, waits
from query.view import lane_table, letters, what_next
from schemas.table import table_at
from tests.expectations.cases import NOON
from tests.expectations.tables import append, trades
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


def letter(offset: int, **changes: Any) -> dict[str, Any]:
    sound = {
        "exchange": EXCHANGE.upper(),
        "stage": "silver",
        "raw_record": b"\x07",
        "error_reason": "bad_wire_header",
        "error_type": "decode",
        "rule_version": "1",
        "kafka_topic": "acme",
        "kafka_partition": 0,
        "kafka_offset": offset,
        "error_timestamp": NOON,
    }
    return sound | changes


def sent(first: int, copy: int | None, outcome: str) -> dict[str, Any]:
    return {
        "exchange": EXCHANGE.upper(),
        "run_id": f"manual__{copy}",
        "kafka_topic": "acme",
        "kafka_partition": 0,
        "kafka_offset": first,
        "first_partition": 0,
        "first_offset": first,
        "sent_partition": None if copy is None else 0,
        "sent_offset": copy,
        "outcome": outcome,
    }


def test_dead_letters_are_counted_by_reason_and_replayed_ones_told_apart(
    small: Lake,
) -> None:
    table = small.catalog.load_table("market_data.silver_dead_letters")
    conflict = letter(1, stage="gold", error_reason="conflicting_duplicate")
    append(
        table,
        "silver.dead_letters",
        [*(letter(offset) for offset in (1, 2, 3, 7)), conflict],
    )
    ledger = small.catalog.load_table("market_data.dead_letter_replays")
    # 1 came through at its second attempt, 2 came back as 7, 3 is on its way.
    lines = [sent(1, 5, "dead"), sent(1, 6, "gold"), sent(2, 7, "dead")]
    append(ledger, "silver.replays", [*lines, sent(3, None, "waiting")])

    told = dead_letters(small)

    assert told["total"] == 5
    names = ("stage", "error_reason", "rows", "recovered", "returned")
    assert [tuple(row[name] for name in names) for row in told["by_reason"]] == [
        ("gold", "conflicting_duplicate", 1, 0, 0),
        ("silver", "bad_wire_header", 4, 1, 1),
    ]
    with Console(width=160, record=True, file=open("/dev/null", "w")) as console:
        console.print(letters({"dead_letters": told}))
    assert "recovered" in console.export_text()


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


def stands(settings: Settings, address: str, snapshot: int) -> None:
    """Note that a stream has read so far, as Spark does."""
    folder = settings.checkpoints / table_at(address).checkpoint(EXCHANGE)
    note = json.dumps({"snapshot_id": snapshot, "position": 1})
    for part, text in (("offsets", note), ("commits", "v1")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "0").write_text(text)


def test_gold_waits_since_the_oldest_commit_that_it_has_not_read(
    small: Lake, settings: Settings
) -> None:
    silver = small.catalog.load_table(table_at("silver.trades").identifier(EXCHANGE))
    assert waits(small, EXCHANGE) == {"silver": {"waits_s": 0}, "gold": {"waits_s": 0}}
    first, second = (
        append(silver, "silver.trades", trades(EXCHANGE, (one,))) for one in (1, 2)
    )
    stands(settings, "gold.trades", first)
    silver = silver.refresh()
    committed = silver.snapshot_by_id(second)
    assert committed is not None
    waited = time.time() - committed.timestamp_ms / 1000

    found = float(waits(small, EXCHANGE)["gold"]["waits_s"])
    stands(settings, "gold.trades", second)

    assert waited - 0.1 <= found <= waited + 5
    assert waits(small, EXCHANGE)["gold"] == {"waits_s": 0}


def test_a_reader_whose_snapshots_are_gone_is_told(
    small: Lake, settings: Settings
) -> None:
    silver = small.catalog.load_table(table_at("silver.trades").identifier(EXCHANGE))
    append(silver, "silver.trades", trades(EXCHANGE, (1,)))
    stands(settings, "gold.trades", 404)

    assert "404 have expired" in str(waits(small, EXCHANGE)["gold"]["history_gone"])


def test_what_is_watched_is_part_of_what_status_tells(small: Lake) -> None:
    whole = lane(small, Airflow(small.settings), EXCHANGE)
    part = lane_watched(small, Airflow(small.settings), EXCHANGE)

    assert part.keys() == whole.keys()
    for name, told in part["layers"].items():
        assert told.keys() <= whole["layers"][name].keys()
    assert owing(small)["open"] == completeness(small)["open"]
