"""Wider candles are owed something as soon as minutes have changed."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from expectations.rollups import candles_owed
from tests.expectations.tables import created, lake

MINUTES, DAYS = "gold.candles_1m", "gold.candles_1d"


def commit(table: Table, said: Mapping[str, str]) -> int:
    empty = pa.Table.from_pylist([], table.schema().as_arrow())
    table.append(empty, snapshot_properties=dict(said))
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return snapshot.snapshot_id


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Table, Table]:
    catalog = lake(tmp_path)
    monkeypatch.setattr("expectations.rollups.open_catalog", lambda env: catalog)
    return created(catalog, MINUTES, ""), created(catalog, DAYS, "")


def test_each_commit_of_minutes_is_owed_until_days_know_it(
    tables: tuple[Table, Table],
) -> None:
    minutes, days = tables
    env: dict[str, str] = {}
    assert candles_owed(MINUTES, DAYS, env) == 0
    commit(minutes, {"bullion.spans": "[]"})
    second = commit(minutes, {"bullion.spans": "[]"})
    assert candles_owed(MINUTES, DAYS, env) == 2

    commit(days, {"bullion.rolled-to": str(second)})
    assert candles_owed(MINUTES, DAYS, env) == 0

    # A compaction changes no candle.
    commit(minutes, {})
    assert candles_owed(MINUTES, DAYS, env) == 0
    commit(minutes, {"bullion.spans": "[]"})
    assert candles_owed(MINUTES, DAYS, env) == 1
