"""A closed lane is released by what a person decides, and by nothing else."""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.transforms import DayTransform, MonthTransform

from expectations.gate import GateClosed, hold_increment
from expectations.gate_notes import last
from expectations.increment import checkpoint
from expectations.release import NotClosed, NothingToRefuse, decide, look
from schemas.table import all_exchanges, table_at
from tests.expectations.cases import NOON
from tests.expectations.tables import append, created, lake, trades

EXCHANGE = all_exchanges()[0]
SILVER, GOLD = "silver.trades", "gold.trades"


class Lane:
    """A lane's tables in a folder, up to its gate; gold has read the first commit."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.env = env
        self.catalog = lake(folder)
        addresses = ("bronze.trades", SILVER, "silver.dead_letters")
        for address in (*addresses, "gold.candles_1m", "gold.decisions"):
            created(self.catalog, address, EXCHANGE)
        # As their specs have it: rows are sorted into partitions when they are written.
        for address, column, transform in (
            ("silver.dead_letters", "error_timestamp", DayTransform()),
            ("gold.decisions", "decided_at", MonthTransform()),
        ):
            with self.table(address).update_spec() as spec:
                spec.add_field(column, transform)
        close = {
            "exchange": EXCHANGE.upper(),
            "symbol": "BTCUSD",
            "window_start": NOON - timedelta(minutes=1),
            "close_price": Decimal(100),
        }
        append(self.table("gold.candles_1m"), "gold.candles_1m", [close])
        self.read(self.arrive({1: "100"}))

    def table(self, address: str) -> Any:
        return self.catalog.load_table(table_at(address).identifier(EXCHANGE))

    def arrive(
        self, prices: Mapping[int, str], bronze_rows: int = 0, **changes: Any
    ) -> int:
        """Let one commit bring trades by id to bronze and silver; its snapshot."""
        stored = {"bronze_ingestion_timestamp": NOON, "schema_id": 7}
        rows = [
            row
            for number, price in prices.items()
            for row in trades(
                EXCHANGE, [number], price=Decimal(price), **stored | changes
            )
        ]
        messages = [
            {
                "raw_bytes": f"bytes of {number}".encode(),
                "topic": f"market.crypto.trades.{EXCHANGE}",
                "partition": 0,
                "offset": number,
                "bronze_ingestion_timestamp": NOON,
            }
            for number in prices
        ]
        append(self.table("bronze.trades"), "bronze.trades", messages)
        read = str(bronze_rows or len(rows))
        return append(self.table(SILVER), SILVER, rows, **{"bullion.rows": read})

    def read(self, snapshot: int) -> None:
        """Note that gold has read up to here, as Spark does."""
        folder = checkpoint(GOLD, EXCHANGE, self.env)
        offset = {"snapshot_id": snapshot, "position": 1}
        for part, text in (("offsets", json.dumps(offset)), ("commits", "v1")):
            (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / part / "0").write_text(text)

    def gate(self, run: str = "scheduled__1") -> dict[str, str]:
        passed = hold_increment(SILVER, GOLD, EXCHANGE, run, self.env)
        assert passed is not None
        return passed

    def closes(self) -> dict[str, Any]:
        """Ask the gate, which closes; return what it noted."""
        with pytest.raises(GateClosed, match="release_lane"):
            self.gate()
        told = last(Path(self.env["BULLION_GATES"]), EXCHANGE)
        assert told is not None
        return told

    def decide(self, decision: str, run: str = "manual__1", **changes: Any) -> Any:
        said = {
            "exchange": EXCHANGE,
            "snapshot_to": look(EXCHANGE, self.env).snapshot_to,
            "decision": decision,
            "reason": "a fat finger, says the exchange",
            "by": "ada",
            "run_id": run,
            "env": self.env,
        }
        return decide(**said | changes)

    def letters(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]]
        rows = self.table("silver.dead_letters").scan().to_arrow().to_pylist()
        return rows


@pytest.fixture
def lane(tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Lane:
    settings = env | {
        "BULLION_CHECKPOINTS": str(tmp_path / "checkpoints"),
        "BULLION_S3_ENDPOINT": "http://127.0.0.1:1",
        "BULLION_S3_ACCESS_KEY": "key",
        "BULLION_S3_SECRET_KEY": "secret",
        "BULLION_S3_REGION": "r",
    }
    for room in ("increment", "release"):
        monkeypatch.setattr(
            f"expectations.{room}.open_catalog", lambda env: lake(tmp_path)
        )
    return Lane(tmp_path, settings)


def test_what_stands_before_a_closed_gate_is_shown(lane: Lane) -> None:
    until = lane.arrive({4: "101", 5: "1000"})
    lane.closes()
    lane.arrive({6: "99"})

    seen = look(EXCHANGE, lane.env)

    assert (seen.rows, seen.named, seen.failed) == (2, 1, ("price_jump",))
    assert (seen.snapshot_to, seen.run_id) == (until, "scheduled__1")
    (row,) = seen.samples
    assert (row["trade_id"], row["reasons"]) == ("5", "price_jump")
    assert Decimal(row["price"]) == 1000


def test_refused_rows_are_dead_letters_with_their_bytes_and_the_rest_goes_on(
    lane: Lane,
) -> None:
    lane.arrive({4: "101", 5: "1000"})
    lane.closes()
    lane.arrive({6: "99"})

    told = lane.decide("refuse")

    assert (told["named_rows"], told["silver_rows"]) == ("1", "2")
    (letter,) = lane.letters()
    assert (letter["stage"], letter["kafka_offset"]) == ("gate", 5)
    assert letter["raw_record"] == b"bytes of 5"
    assert letter["error_reason"] == "price_jump"
    assert "fat finger" in letter["error_detail"]
    passed = lane.gate()
    assert (passed["rows"], passed["refused"], passed["outcome"]) == (
        "3",
        "1",
        "passed",
    )

    # A copy of it, as a fill brings one, is no news; what is new was not decided.
    lane.read(int(passed["snapshot_to"]))
    lane.arrive({5: "1000", 8: "100"})
    assert lane.gate()["refused"] == "1"
    lane.arrive({7: "1000"})
    assert lane.closes()["failed"] == ["price_jump"]


def test_admitted_rows_go_on_and_others_may_be_near_them(lane: Lane) -> None:
    lane.arrive({4: "1000", 5: "1001"})
    lane.closes()
    lane.decide("admit")
    lane.arrive({6: "1010", 7: "99"})

    passed = lane.gate()

    assert (passed["refused"], passed["outcome"]) == ("0", "passed")
    assert lane.letters() == []
    lane.arrive({8: "10"})
    assert lane.closes()["failed"] == ["price_jump"]


def test_a_row_that_broke_a_rule_is_named_by_the_rule(lane: Lane) -> None:
    lane.arrive({4: "101"})
    lane.arrive({5: "102"}, quantity=Decimal(0))
    assert lane.closes()["failed"] == ["quantity_must_be_positive"]

    lane.decide("refuse")

    (letter,) = lane.letters()
    assert letter["error_reason"] == "quantity_must_be_positive"
    assert lane.gate()["refused"] == "1"


def test_broken_rows_may_be_admitted_too(lane: Lane) -> None:
    lane.arrive({5: "102"}, quantity=Decimal(0))
    lane.closes()
    lane.decide("admit")
    assert lane.gate()["outcome"] == "passed"

    lane.arrive({6: "102"}, quantity=Decimal(0))
    assert lane.closes()["failed"] == ["quantity_must_be_positive"]


def test_many_dead_letters_are_no_fault_of_the_rows_that_are_none(lane: Lane) -> None:
    lane.arrive({4: "101"}, bronze_rows=100)
    assert lane.closes()["failed"] == ["blocking_share"]
    with pytest.raises(NothingToRefuse, match="admit"):
        lane.decide("refuse")

    lane.decide("admit")

    assert lane.gate()["outcome"] == "passed"
    lane.arrive({5: "101"}, bronze_rows=100)
    assert lane.closes()["failed"] == ["blocking_share"]


def test_where_all_rows_are_refused_the_lane_is_open(lane: Lane) -> None:
    lane.arrive({4: "1000", 5: "1000"})
    lane.closes()
    lane.decide("refuse")

    passed = lane.gate()

    assert (passed["rows"], passed["refused"]) == ("2", "2")


def test_a_run_that_is_done_again_does_nothing_twice(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.arrive({5: "1000"})
    until = lane.closes()["snapshot_to"]

    def crash(*_: object) -> None:
        raise ConnectionError("as a kill would end it")

    with monkeypatch.context() as dying:
        dying.setattr("expectations.release.entered", crash)
        with pytest.raises(ConnectionError):
            lane.decide("refuse", snapshot_to=int(until))
    assert len(lane.letters()) == 1
    first = lane.decide("refuse", snapshot_to=int(until))
    again = lane.decide("refuse", snapshot_to=int(until))

    assert first["run_id"] == again["run_id"]
    assert len(lane.letters()) == 1
    decided = lane.table("gold.decisions").scan().to_arrow()
    assert decided.num_rows == 1
    assert lane.gate()["refused"] == "1"


def test_only_a_closed_lane_is_decided_of(lane: Lane) -> None:
    with pytest.raises(NotClosed, match="no gate yet"):
        look(EXCHANGE, lane.env)
    lane.arrive({4: "101"})
    lane.gate()
    with pytest.raises(NotClosed, match="the last gate: passed"):
        look(EXCHANGE, lane.env)
    until = lane.arrive({5: "1000"})
    lane.closes()
    lane.read(until)
    with pytest.raises(NotClosed, match="has read on"):
        look(EXCHANGE, lane.env)


@pytest.mark.parametrize("reason", ["'); DROP TABLE x; --", 'say "no"\n{{ x }}'])
def test_what_a_person_writes_is_kept_as_it_is(lane: Lane, reason: str) -> None:
    lane.arrive({5: "1000"})
    lane.closes()

    told = lane.decide("refuse", run="manual__' OR 1=1", reason=reason)

    assert told["reason"] == reason and told["run_id"] == "manual__' OR 1=1"
    (letter,) = lane.letters()
    assert letter["error_detail"] == reason


@pytest.mark.parametrize(
    "name", ["../../etc", "x'; DROP TABLE t; --", "$(id)", f"{EXCHANGE}\n", ""]
)
def test_a_name_that_is_no_exchange_is_refused_before_any_path_is_made(
    lane: Lane, name: str
) -> None:
    with pytest.raises(NotClosed, match="no exchange"):
        look(name, lane.env)
