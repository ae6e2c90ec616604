"""Health is told from metadata: sizes, ages, and who needs what is old."""

import json
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from rich.console import Console

from query import health as told_by
from query.health import Health, health, troubles
from query.health_view import page, size, span
from query.settings import Settings
from schemas.table import all_exchanges, table_at
from tests.expectations.tables import append, trades
from tests.query.conftest import EXCHANGE

SILVER = f"silver_{EXCHANGE}_trades"


@pytest.fixture
def asked(
    settings: Settings, catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings that lead to the small lake, whose catalog is a file."""
    monkeypatch.setattr(told_by, "open_catalog", lambda settings: catalog)
    return settings


def arrive(catalog: SqlCatalog, *ids: int) -> int:
    table = catalog.load_table(table_at("silver.trades").identifier(EXCHANGE))
    return append(table, "silver.trades", trades(EXCHANGE, ids))


def stands(settings: Settings, exchange: str, snapshot: int) -> None:
    """Note that gold has read an exchange's silver up to here, as Spark does."""
    folder = settings.checkpoints / table_at("gold.trades").checkpoint(exchange)
    note = json.dumps({"snapshot_id": snapshot, "position": 1})
    for part, text in (("offsets", note), ("commits", "v1")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "0").write_text(text)


def row(settings: Settings, name: str) -> dict[str, Any]:
    (found,) = (each for each in health(settings)["tables"] if each["table"] == name)
    return found


def test_a_table_tells_its_files_manifests_and_snapshots(asked: Settings) -> None:
    gold = row(asked, "gold_crypto_trades")

    assert (gold["files"], gold["small_files"]) == (2, 2)
    assert (gold["manifests"], gold["snapshots"]) == (2, 2)
    assert gold["data_bytes"] > 1000 and gold["metadata_bytes"] > 1000
    assert 0 <= gold["head_age_s"] < 3600
    assert (gold["needed_by"], gold["troubles"]) == (None, ())


def test_a_table_without_a_commit_is_well_and_empty(asked: Settings) -> None:
    silver = row(asked, SILVER)

    assert (silver["snapshots"], silver["head_age_s"]) == (0, None)
    assert silver["troubles"] == ()


def test_the_slowest_reader_is_named_with_what_it_needs(
    asked: Settings, catalog: SqlCatalog
) -> None:
    first = arrive(catalog, 1)
    assert row(asked, SILVER)["needed_by"].endswith("which has read nothing")
    arrive(catalog, 2)
    stands(asked, EXCHANGE, first)

    told = row(asked, SILVER)

    assert told["needed_by"] == f"gold.trades of {EXCHANGE}"
    assert told["oldest_needed"] == told["oldest_snapshot"]
    assert told["unread_snapshots"] == 1


def test_a_lost_reader_is_trouble_and_shows(
    asked: Settings, catalog: SqlCatalog
) -> None:
    arrive(catalog, 1)
    stands(asked, EXCHANGE, 4711)

    told = health(asked)

    assert told["healthy"] is False
    with Console(width=200, record=True, file=open("/dev/null", "w")) as console:
        console.print(page(told))
    shown = console.export_text()
    assert f"{SILVER}: history gone: gold.trades of {EXCHANGE}" in shown
    assert "well kept" not in shown


def test_a_table_that_no_spec_makes_is_a_stray(
    asked: Settings, catalog: SqlCatalog, tmp_path: Path
) -> None:
    assert health(asked)["stray_tables"] == []
    schema = catalog.load_table("market_data.gold_crypto_trades").schema()
    catalog.create_table("market_data.gold_crypto_trade", schema=schema)

    told = health(asked)

    assert told["stray_tables"] == ["gold_crypto_trade"]
    assert "gold_crypto_candles_1m" in told["missing_tables"]
    assert len(told["tables"]) == 2 * len(all_exchanges()) + 6


def test_what_upkeep_should_have_mended_is_trouble() -> None:
    sound = Health(table="a", manifests=20, metadata_bytes=2_000_000, small_files=1500)
    grown = Health(table="a", manifests=21, metadata_bytes=2_000_001, small_files=1501)

    assert troubles(sound) == []
    assert troubles(grown) == [
        "more than 20 manifests",
        "metadata above 2 MB",
        "more than 1500 small files",
    ]


def test_sizes_and_ages_are_short() -> None:
    assert [size(n) for n in (0, 999, 1000, 2_500_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "2.5 MB",
    ]
    assert [span(n) for n in (59, 150, 7300, 200_000)] == [
        "59 s",
        "2 min",
        "2 h",
        "2 d",
    ]
