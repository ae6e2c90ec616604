"""What the ledger proves is told to people and to scripts."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from query.completeness import completeness
from query.completeness_view import page
from query.reading.lake import Lake
from schemas.exchange import counts_trades
from schemas.table import all_exchanges
from tests.expectations.cases import NOON, trade_row
from tests.expectations.tables import append

ACME = {"exchange": "ACME", "symbol": "BTCUSD"}


def held(first: int, last: int, **changes: Any) -> dict[str, Any]:
    span = {"first_id": first, "last_id": last}
    times = {"first_timestamp": NOON, "last_timestamp": NOON + timedelta(minutes=1)}
    return ACME | span | times | changes


def gap(first: int, last: int, **changes: Any) -> dict[str, Any]:
    told = {
        "first_missing_id": first,
        "last_missing_id": last,
        "state": "open",
        "missing": last - first + 1,
        "missing_ranges": f"[[{first}, {last}]]",
        "after_timestamp": NOON,
        "before_timestamp": NOON,
        "found_at": NOON,
        "filled_at": None,
        "cause": None,
        "evidence": None,
        "updated_at": NOON,
    }
    return ACME | told | changes


def told(
    lake: Lake, ranges: list[Mapping[str, Any]], gaps: list[Mapping[str, Any]]
) -> dict[str, Any]:
    for address, rows in (("gold.ranges", ranges), ("gold.gaps", gaps)):
        name = "market_data.trade_" + address.split(".")[1]
        if rows:
            append(lake.catalog.load_table(name), address, rows)
    return completeness(lake)


def printed(said: dict[str, Any]) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(page(said))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_hole_is_counted_and_shown_with_what_the_exchange_said(small: Lake) -> None:
    evidence = json.dumps({"asks": 1, "last": {"error": "HTTP 503: busy"}})
    said = told(
        small,
        [held(1, 10), held(14, 20), held(1, 2, symbol="ETHUSD")],
        [gap(11, 13, evidence=evidence), gap(3, 4, state="filled", missing=0)],
    )

    assert (said["complete"], said["missing"]) == (False, 3)
    bitcoin, ether = said["symbols"]
    assert (bitcoin["held"], bitcoin["lacking"], bitcoin["open"]) == (17, 3, 1)
    assert (bitcoin["filled"], bitcoin["recovered"]) == (1, 2)
    assert (ether["gaps"], ether["lacking"]) == (0, 0)
    text = printed(said)
    assert "11..13" in text and "HTTP 503: busy" in text and "3 trades are mi" in text


def test_what_is_filled_or_absent_at_the_exchange_leaves_nothing_open(
    small: Lake,
) -> None:
    said = told(small, [held(1, 20)], [gap(5, 6, state="absent", missing=0)])

    assert said["complete"] and said["open"] == []
    assert "complete: gold holds every id" in printed(said)


def test_a_hole_too_wide_for_rest_is_shown_with_the_command_that_brings_it(
    small: Lake,
) -> None:
    wide = gap(11, 2_000_010, cause="capture was down")
    text = printed(told(small, [held(1, 10), held(2_000_011, 2_000_020)], [wide]))

    assert "capture was down" in text and "2,000,000 are too many for REST" in text
    assert "backfill create --dag-id backfill__acme --from-date 2026-" in text


def test_an_empty_ledger_proves_nothing(small: Lake) -> None:
    said = told(small, [], [])

    assert not said["complete"]
    assert "no trade has been entered yet" in printed(said)


@pytest.mark.parametrize(
    "exchange", [each for each in all_exchanges() if not counts_trades(each)]
)
def test_what_no_id_proves_is_told_by_counts_and_is_no_part_of_the_verdict(
    small: Lake, exchange: str
) -> None:
    now = datetime.now(UTC)
    rest = {"vendor_data": [("origin", "rest"), ("source", "rest")]}
    came = {"vendor_data": [("source", "ws")]}
    old = {"timestamp": now - timedelta(hours=2)}
    rows = [
        trade_row(exchange, **({"timestamp": now, "trade_id": each} | how))
        | {"exchange_date": now.date(), "exchange_hour": now.hour}
        | {"gold_ingestion_timestamp": now}
        for each, how in (("1", came), ("2", rest), ("3", came), ("4", rest | old))
    ]
    gold = small.catalog.load_table("market_data.gold_crypto_trades")
    append(gold, "gold.trades", rows)
    said = told(small, [held(1, 20)], [])

    assert said["complete"] and exchange.upper() in said["unproven"]
    (row,) = said["compared"]
    assert (row["exchange"], row["trades"], row["by_rest"]) == (exchange.upper(), 3, 1)
    text = printed(said)
    assert "complete: gold holds every id" in text
    assert f"not proven: {exchange.upper()}" in text and "by REST alone" in text


def counted(exchange: str, second: int, **changes: Any) -> dict[str, Any]:
    """Return a span of five trades that REST was asked for just now."""
    now = datetime.now(UTC)
    span = {"since": now + timedelta(seconds=second), "until": now}
    told = {"at_exchange": 5, "in_gold": 5, "state": "equal"}
    return {
        **{"exchange": exchange.upper(), "symbol": "BTCUSD"},
        **{"asked_at": now, "compared_at": now},
        **span,
        **told,
        **changes,
    }


@pytest.mark.parametrize(("in_gold", "state"), [(5, "equal"), (2, "short")])
def test_trades_that_rest_counted_and_gold_lacks_leave_nothing_complete(
    small: Lake, in_gold: int, state: str
) -> None:
    exchange = next(each for each in all_exchanges() if not counts_trades(each))
    table = small.catalog.load_table("market_data.trade_counts")
    spans = [
        counted(exchange, -9),
        counted(exchange, -8, state="open", in_gold=None),
        counted(exchange, -7, state=state, in_gold=in_gold),
    ]
    append(table, "gold.counts", spans)
    said = told(small, [held(1, 20)], [])

    short = 5 - in_gold
    (row,) = said["compared"]
    assert [row[each] for each in ("spans", "at_exchange", "in_gold", "short")] == [
        *(2, 10, 10 - short, short),
    ]
    assert (row["trades"], row["until"]) == (0, "")
    assert said["complete"] is not bool(short)
    text = printed(said)
    assert "complete: gold holds every id" in text
    assert ("3 trades that REST has are not in gold" in text) is bool(short)


@pytest.mark.parametrize("state", ["open", "filling"])
def test_what_is_being_filled_is_not_complete_yet(small: Lake, state: str) -> None:
    assert not told(small, [held(1, 9)], [gap(3, 4, state=state)])["complete"]


def test_where_no_exchange_counts_its_trades_the_ledger_is_not_waited_for(
    small: Lake,
) -> None:
    said = told(small, [], [])
    only = said | {"proven": []}

    assert "no trade has been entered yet" in printed(said)
    assert "no trade has been entered yet" not in printed(only)
    assert "not proven" in printed(only) and "trade ids" not in printed(only)
