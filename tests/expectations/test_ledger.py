"""What the ledger owes is told from the tables' metadata and rows, without Spark."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from expectations.ledger import holes_to_fill, open_gaps, tell_capture, unread
from schemas.exchange import has_past_days
from schemas.table import all_exchanges
from tests.expectations.cases import NOON, trade_row
from tests.expectations.tables import append, created, lake
from tests.query.test_completeness import gap, held

GOLD = {
    "exchange_date": NOON.date(),
    "exchange_hour": NOON.hour,
    "gold_ingestion_timestamp": NOON,
}


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlCatalog:
    catalog = lake(tmp_path)
    for address in ("gold.trades", "gold.ranges", "gold.gaps"):
        created(catalog, address, "")
    monkeypatch.setattr("expectations.ledger.open_catalog", lambda env: catalog)
    return catalog


def trades(catalog: SqlCatalog, *ids: str) -> int:
    rows = [trade_row(all_exchanges()[0], trade_id=each) | GOLD for each in ids]
    table = catalog.load_table("market_data.gold_crypto_trades")
    return append(table, "gold.trades", rows)


def test_trades_that_the_ledger_has_not_read_are_owed(catalog: SqlCatalog) -> None:
    assert not unread({})
    trades(catalog, "1")
    assert unread({})
    head = trades(catalog, "2")
    ranges = catalog.load_table("market_data.trade_ranges")
    append(ranges, "gold.ranges", [held(1, 2)], **{"bullion.ledger-read-to": str(head)})
    assert not unread({})
    # Whatever else is committed to the ranges says nothing of gold.
    append(ranges, "gold.ranges", [held(8, 9)])
    assert not unread({})
    trades(catalog, "3")
    assert unread({})


def asked(at: datetime) -> str:
    return json.dumps({"asks": 1, "last": {"asked_at": at.isoformat()}})


def first_ids(catalog: SqlCatalog, rows: list[dict[str, Any]]) -> list[int]:
    append(catalog.load_table("market_data.trade_gaps"), "gold.gaps", rows)
    return [each["first_missing_id"] for each in holes_to_fill(open_gaps({}), {}, NOON)]


def test_open_holes_are_asked_for_the_oldest_first_and_not_too_often(
    catalog: SqlCatalog,
) -> None:
    minute = timedelta(minutes=1)
    found = first_ids(
        catalog,
        [
            gap(10, 12),
            gap(20, 22, state="filled", missing=0),
            gap(30, 32, state="absent", missing=0),
            gap(40, 42, state="filling", evidence=asked(NOON - minute)),
            gap(50, 52, state="filling", evidence=asked(NOON - 3 * minute)),
            gap(60, 2_000_000),  # archives are for that
            gap(70, 72, found_at=NOON - minute),
        ],
    )

    assert found == [70, 10, 50]


@pytest.mark.parametrize(
    "exchange", [each for each in all_exchanges() if not has_past_days(each)]
)
def test_where_no_day_can_be_brought_a_wide_hole_is_filled_piece_by_piece(
    catalog: SqlCatalog, exchange: str
) -> None:
    wide = gap(60, 3_000_059, exchange=exchange.upper())
    assert first_ids(catalog, [wide]) == [60]

    (told,) = holes_to_fill(open_gaps({}), {}, NOON)
    assert told["missing"] == [(60, 1_000_059)]


def test_a_hole_is_told_as_a_fill_reads_it(catalog: SqlCatalog) -> None:
    part = gap(10, 19, missing=2, missing_ranges="[[12, 13]]")
    assert first_ids(catalog, [part]) == [10]

    assert holes_to_fill(open_gaps({}), {}, NOON) == [
        {
            "exchange": "ACME",
            "symbol": "BTCUSD",
            "first_missing_id": 10,
            "last_missing_id": 19,
            "missing": [(12, 13)],
            "after": "2026-11-22T12:00:00+00:00",
        }
    ]


def test_a_fill_goes_on_where_the_one_before_it_came_to(catalog: SqlCatalog) -> None:
    """Where time is the cursor it would read the same again, and never get further."""
    begun, minute = gap(10, 99, missing=60, missing_ranges="[[40, 99]]"), timedelta(
        0, 60
    )
    others = [
        held(1, 9),
        held(10, 29, last_timestamp=NOON + 2 * minute),
        held(31, 39, last_timestamp=NOON + 3 * minute),
        held(100, 200, last_timestamp=NOON + 9 * minute),
        held(10, 39, symbol="ETHUSD", last_timestamp=NOON + 8 * minute),
        held(10, 39, exchange="AJAX", last_timestamp=NOON + 8 * minute),
    ]
    append(catalog.load_table("market_data.trade_ranges"), "gold.ranges", others)
    assert first_ids(catalog, [begun]) == [10]

    (told,) = holes_to_fill(open_gaps({}), {}, NOON)
    assert told["missing"] == [(40, 99)]
    assert told["after"] == (NOON + 3 * minute).isoformat()


def test_a_fill_whose_time_was_up_goes_on_at_once(catalog: SqlCatalog) -> None:
    """It waits for nothing that the one before has sent."""
    at, second = NOON + timedelta(hours=1), timedelta(seconds=1)

    def reached(number: int) -> str:
        told = json.loads(asked(NOON - second))
        told["last"]["reached"] = [number, at.isoformat()]
        return json.dumps(told)

    gaps = [
        gap(10, 99, missing=80, missing_ranges="[[10, 49], [60, 99]]"),
        # What it came to is the end: it asks again when all may be in gold.
        gap(200, 299, missing=10, missing_ranges="[[200, 209]]"),
    ]
    append(
        catalog.load_table("market_data.trade_gaps"),
        "gold.gaps",
        [
            each | {"state": "filling", "evidence": reached(n)}
            for each, n in zip(gaps, (44, 250))
        ],
    )

    (told,) = holes_to_fill(open_gaps({}), {}, NOON)
    assert told["missing"] == [(45, 49), (60, 99)]
    assert told["after"] == at.isoformat()


def test_capture_is_told_how_many_gaps_each_exchange_has(
    catalog: SqlCatalog, tmp_path: Path
) -> None:
    append(
        catalog.load_table("market_data.trade_gaps"),
        "gold.gaps",
        [
            gap(10, 12),
            gap(20, 22, state="filled", missing=0),
            gap(30, 39, state="filling", missing=4),
            gap(40, 40, exchange="AJAX"),
        ],
    )
    file = tmp_path / "new/gaps.json"
    tell_capture(open_gaps({}), {"BULLION_GAPS": str(file)}, NOON)

    assert json.loads(file.read_text()) == {
        "told_at": NOON.timestamp(),
        "exchanges": {
            "ACME": {"gaps": 2, "missing": 7},
            "AJAX": {"gaps": 1, "missing": 1},
        },
    }
    assert [each.name for each in file.parent.iterdir()] == ["gaps.json"]
