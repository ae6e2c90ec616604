"""The DAG `inspection` looks at all tables, stops at none, and is red for a fault."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pyiceberg.catalog.sql import SqlCatalog

from dags.factory.inspecting import inspect_tables
from expectations import inspection
from expectations.inspection import inspected
from schemas.table import ROOT
from tests.expectations.gold_cases import EXCHANGE, candle, trade
from tests.expectations.tables import append, created, lake


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlCatalog:
    monkeypatch.setattr(inspection, "open_catalog", lambda env: lake(tmp_path))
    settings: Mapping[str, Any] = {
        "BULLION_HOME": tmp_path,
        "BULLION_GX": ROOT / "expectations/gx",
        "BULLION_GX_RESULTS": tmp_path / "results",
        "BULLION_GX_SITE": tmp_path / "site",
        "BULLION_GATES": tmp_path / "gates",
        "BULLION_S3_ENDPOINT": "http://127.0.0.1:1",
        "BULLION_S3_ACCESS_KEY": "a",
        "BULLION_S3_SECRET_KEY": "s",
        "BULLION_S3_REGION": "us-east-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    made = lake(tmp_path)
    for each in inspected():
        created(made, each.address, EXCHANGE)
    return made


def arrive(catalog: SqlCatalog, label: str, row: dict[str, Any]) -> None:
    (address,) = (each.address for each in inspected() if each.label == label)
    append(catalog.load_table(f"market_data.{label}"), address, [row])


def test_what_came_is_told_and_nothing_new_is_skipped(catalog: SqlCatalog) -> None:
    arrive(catalog, "gold_crypto_trades", trade(1))
    arrive(catalog, "gold_crypto_candles_1m", candle())

    assert inspect_tables("run") == {
        "gold_crypto_trades": {"rows": 1, "outcome": "passed"},
        "gold_crypto_candles_1m": {"rows": 1, "outcome": "passed"},
    }
    with pytest.raises(AirflowSkipException, match="no table got anything"):
        inspect_tables("run")


def test_a_fault_of_one_table_hides_none_of_another(catalog: SqlCatalog) -> None:
    arrive(catalog, "gold_crypto_trades", trade(1, message_id="another"))
    arrive(catalog, "gold_crypto_candles_1h", candle("1h", trade_count=0))
    with pytest.raises(AirflowFailException) as red:
        inspect_tables("run")

    said = str(red.value)
    assert "gold_crypto_trades holds rows that break message_id_mismatch" in said
    assert "gold_crypto_candles_1h holds rows that break without_trades" in said


def test_a_stack_that_has_just_begun_is_not_looked_at(
    catalog: SqlCatalog, tmp_path: Path
) -> None:
    arrive(catalog, "gold_crypto_trades", trade(1))
    (tmp_path / "run").mkdir()
    (tmp_path / "run/supervisord.pid").touch()

    with pytest.raises(AirflowSkipException, match="just begun"):
        inspect_tables("run")
