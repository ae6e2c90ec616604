"""What was written is judged once, by its table's suite; a fault until it is gone."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from expectations import inspection
from expectations.gate_notes import history
from expectations.history_page import asked, write
from expectations.inspection import Inspected, Unsound, fresh, inspect, inspected
from schemas.table import table_at
from tests.expectations.cases import NOON
from tests.expectations.gold_cases import (
    CANDLES,
    EXCHANGE,
    GOLD,
    WIDTHS,
    candle,
    trade,
)
from tests.expectations.tables import append, created, lake

BY_ADDRESS = {each.address: each for each in inspected()}
TRADES, MINUTES = BY_ADDRESS["gold.trades"], BY_ADDRESS["gold.candles_1m"]


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlCatalog:
    # The look opens the same catalog, which is here a file.
    monkeypatch.setattr(inspection, "open_catalog", lambda env: lake(tmp_path))
    return lake(tmp_path)


@pytest.fixture
def env(env: Mapping[str, str]) -> Mapping[str, str]:
    """Files lie in a folder: nobody is at the object store's address."""
    store = {"ENDPOINT": "http://127.0.0.1:1", "ACCESS_KEY": "a", "SECRET_KEY": "s"}
    told = {f"BULLION_S3_{name}": value for name, value in store.items()}
    return {**env, **told, "BULLION_S3_REGION": "us-east-1"}


def made(catalog: SqlCatalog, of: Inspected) -> Table:
    return created(catalog, of.address, EXCHANGE)


def at_fault(of: Inspected, env: Mapping[str, str]) -> list[str]:
    """Look; return what is not met, from the note."""
    try:
        note = inspect(of, "run", env)
    except Unsound as error:
        note = history(Path(env["BULLION_GATES"]), of.label, 1)[0]
        assert note["outcome"] == "failed"
        assert all(name in str(error) for name in note["failed"])
    assert note is not None
    return list(note["failed"])


@pytest.mark.parametrize(("changes", "names"), CANDLES)
def test_each_fault_of_a_candle_is_named(
    catalog: SqlCatalog, env: Mapping[str, str], changes: Any, names: list[str]
) -> None:
    rows = [candle(start=NOON - timedelta(minutes=1)), candle(**changes)]
    append(made(catalog, MINUTES), MINUTES.address, rows)

    assert at_fault(MINUTES, env) == names


def test_every_expectation_is_broken_by_some_case() -> None:
    planted = {name for _, names in CANDLES for name in names}
    planted |= {name for _, names in GOLD for name in names}
    suites = {each.suite for each in inspected()}
    names = {each.name for suite in suites for each in asked((suite,))}

    # An increment without rows is not looked at; NULLs break what is asked of numbers.
    assert names - planted == {"row_count", "repeated_keys"}


def test_a_mean_of_tiny_amounts_may_be_rounded_but_no_further(
    catalog: SqlCatalog, env: Mapping[str, str]
) -> None:
    """A quantity of the last place: each product is rounded to it."""
    price, least = Decimal("0.6"), Decimal("1e-18")
    prices = ("open_price", "high_price", "low_price", "close_price")
    tiny = dict.fromkeys(prices, price) | {"volume": least, "taker_buy_volume": least}
    rounded = candle(**tiny, quote_volume=least, vwap=Decimal(1), trade_count=1)
    large = candle(
        start=NOON + timedelta(minutes=1),
        **tiny | {"volume": Decimal(1)},
        vwap=Decimal("0.600001"),
    )
    table = made(catalog, MINUTES)
    append(table, MINUTES.address, [rounded])
    assert at_fault(MINUTES, env) == []

    append(table, MINUTES.address, [large])
    assert at_fault(MINUTES, env) == ["vwap_outside"]


@pytest.mark.parametrize("width", WIDTHS)
def test_windows_are_held_to_the_width_of_their_table(
    catalog: SqlCatalog, env: Mapping[str, str], width: str
) -> None:
    of = BY_ADDRESS[f"gold.candles_{width}"]
    table = made(catalog, of)
    append(table, of.address, [candle(width)])
    assert at_fault(of, env) == []

    other = "5m" if width == "1m" else "1m"
    append(table, of.address, [candle(other, NOON + timedelta(days=1))])
    assert at_fault(of, env) == ["window_not_aligned"]


@pytest.mark.parametrize(("changes", "names"), GOLD)
def test_each_fault_of_a_trade_is_named(
    catalog: SqlCatalog, env: Mapping[str, str], changes: Any, names: list[str]
) -> None:
    append(made(catalog, TRADES), TRADES.address, [trade(1), trade(2, **changes)])

    assert at_fault(TRADES, env) == names


@pytest.mark.parametrize(
    ("of", "rows"),
    [
        (TRADES, [trade(1), trade(2), trade(2)]),
        (MINUTES, [candle(), candle(trade_count=9)]),
    ],
)
def test_what_is_there_twice_is_named_within_a_commit_and_across_commits(
    catalog: SqlCatalog, env: Mapping[str, str], of: Inspected, rows: Any
) -> None:
    table = made(catalog, of)
    for row in rows:
        append(table, of.address, [row])

    assert at_fault(of, env) == ["repeated_keys"]
    note = history(Path(env["BULLION_GATES"]), of.label, 1)[0]
    assert note["measured"]["repeated_keys"] == 1 and note["rows"] == len(rows)


def test_each_commit_is_judged_once_and_a_look_without_any_is_none(
    catalog: SqlCatalog, env: Mapping[str, str]
) -> None:
    assert made(catalog, TRADES) and inspect(TRADES, "run", env) is None
    table = catalog.load_table(table_at(TRADES.address).identifier())
    for number in (1, 2, 3):
        append(table, TRADES.address, [trade(number)])
    first = inspect(TRADES, "run", env)
    again = inspect(TRADES, "run", env)
    append(table, TRADES.address, [trade(4)])
    second = inspect(TRADES, "run", env)

    assert first and second and again is None
    assert (first["rows"], second["rows"]) == (3, 1)


def test_old_files_are_not_judged_again_where_manifests_are_put_together(
    catalog: SqlCatalog, env: Mapping[str, str]
) -> None:
    table = made(catalog, TRADES)
    with table.transaction() as change:
        # As lanes' tables have it, with more than two.
        change.set_properties(
            {
                "commit.manifest-merge.enabled": "true",
                "commit.manifest.min-count-to-merge": "2",
            }
        )
    append(table, TRADES.address, [trade(1)])
    inspect(TRADES, "run", env)
    for number in (2, 3):
        append(table, TRADES.address, [trade(number)])
    head = table.current_snapshot()

    assert head and len(head.manifests(table.io)) == 1
    told = inspect(TRADES, "run", env)
    assert told and told["rows"] == 2


def test_a_fault_is_told_again_until_it_is_gone(
    catalog: SqlCatalog, env: Mapping[str, str]
) -> None:
    table = made(catalog, MINUTES)
    append(table, MINUTES.address, [candle(trade_count=0)])
    assert at_fault(MINUTES, env) == ["without_trades"]
    later = candle(start=NOON + timedelta(minutes=1))
    append(table, MINUTES.address, [later])
    assert at_fault(MINUTES, env) == ["without_trades"]

    table.delete("trade_count = 0")
    append(table, MINUTES.address, [candle()])
    assert at_fault(MINUTES, env) == []
    assert inspect(MINUTES, "run", env) is None


def test_a_look_knows_where_it_stood_once_its_snapshot_has_expired(
    catalog: SqlCatalog, env: Mapping[str, str]
) -> None:
    table = made(catalog, TRADES)
    first = append(table, TRADES.address, [trade(1)])
    inspect(TRADES, "run", env)
    second = append(table, TRADES.address, [trade(2)])
    append(table, TRADES.address, [trade(3)])
    table.maintenance.expire_snapshots().by_id(first).commit()
    table.maintenance.expire_snapshots().by_id(second).commit()

    told = inspect(TRADES, "run", env)
    assert told and told["rows"] == 2


def test_a_catalog_that_was_restored_is_judged_from_what_it_keeps(
    catalog: SqlCatalog, env: Mapping[str, str]
) -> None:
    table = made(catalog, TRADES)
    append(table, TRADES.address, [trade(1)])
    place = Path(env["BULLION_GATES"]) / f"{TRADES.label}.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps({"sequence": 77, "snapshot": 404}))

    told = inspect(TRADES, "run", env)
    assert told and told["rows"] == 1
    assert json.loads(place.read_text())["sequence"] == 1


def test_an_unasked_expectation_is_an_error_and_moves_nothing(
    catalog: SqlCatalog, env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    append(made(catalog, TRADES), TRADES.address, [trade(1)])
    lacks = "SELECT count(*) AS row_count FROM read_parquet($1)"
    with monkeypatch.context() as patched:
        patched.setattr(inspection, "question", lambda of: lacks)
        with pytest.raises(RuntimeError):
            inspect(TRADES, "run", env)
    note = history(Path(env["BULLION_GATES"]), TRADES.label, 1)[0]

    assert note["outcome"] == "error"
    told = inspect(TRADES, "run", env)
    assert told and told["outcome"] == "passed"


def test_results_are_kept_and_shown_over_time_beside_the_lanes(
    catalog: SqlCatalog, env: Mapping[str, str], tmp_path: Path
) -> None:
    append(made(catalog, MINUTES), MINUTES.address, [candle(trade_count=0)])
    assert at_fault(MINUTES, env)
    results = list(Path(env["BULLION_GX_RESULTS"]).rglob("*.json"))
    page = tmp_path / "page.html"
    now = datetime.fromisoformat(
        history(Path(env["BULLION_GATES"]), MINUTES.label, 1)[0]["at"]
    )
    write(page, Path(env["BULLION_GATES"]), [EXCHANGE], now)

    assert len(results) == 1 and "gold_candles" in str(results[0])
    assert f"{MINUTES.label}.run" in str(results[0])
    shown = page.read_text()
    assert f"<h2>{MINUTES.label}</h2>" in shown and "1 failed" in shown
    assert shown.count("<svg") == len(asked((MINUTES.suite,)))


def test_a_table_without_a_commit_has_nothing_fresh(catalog: SqlCatalog) -> None:
    assert fresh(made(catalog, TRADES), 0) == []
