"""A field is added while rows of both kinds lie in bronze: V3.1 beside V3."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.table import Column, table_at
from schemas.topic import TRADES
from schemas.trade import TRADE_COLUMNS
from spark_apps.gold import trades as gold
from spark_apps.silver import trades as silver
from spark_apps.tables import TableDiffers, compare, widen
from tests.spark_apps.lake import Lake, Registry, message, record, trade

pytestmark = pytest.mark.spark
DESK = Column("desk", "string", "Where on the exchange it happened.", nullable=True)
OPTIONAL = {"name": "desk", "type": ["null", "string"], "default": None}


def wider(schema: str) -> str:
    """Return the schema with the optional field behind the others."""
    told = json.loads(schema)
    told["fields"].append(OPTIONAL)
    return json.dumps(told)


def test_old_and_new_rows_stand_side_by_side(
    lake: Lake, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.arrive(trade(lake.exchange, trade_id="1"))
    lake.lane()
    # The day of the change: record, columns and tables are wider; bronze is untouched.
    file = tmp_path / "v31.avsc"
    file.write_text(wider(TRADES.schema))
    registry.schemas[31] = file.read_text()
    columns = (*TRADE_COLUMNS, DESK)
    for module in (silver, gold):
        spec = module.TABLE
        at = len(TRADE_COLUMNS)
        new = replace(spec, columns=(*columns, *spec.columns[at:]))
        monkeypatch.setattr(module, "TABLE", new)
        monkeypatch.setattr(module, "TRADE_COLUMNS", columns)
        assert widen(lake.spark, new, spec.identifier(lake.exchange)) == ("desk",)
        assert widen(lake.spark, new, spec.identifier(lake.exchange)) == ()
    monkeypatch.setattr(silver, "TRADES", replace(TRADES, schema_file=file))
    values = record(trade(lake.exchange, trade_id="3")) | {"desk": "floor"}
    lake.arrive(
        trade(lake.exchange, trade_id="2"), message(values, 31, registry.schemas[31])
    )

    lake.lane()

    for address in ("silver.trades", "gold.trades"):
        rows = lake.rows(address, "trade_id")
        assert [(row.trade_id, row.desk) for row in rows] == [
            ("1", None),
            ("2", None),
            ("3", "floor"),
        ]


def test_a_column_that_must_be_filled_is_not_added_by_itself(lake: Lake) -> None:
    spec = table_at("silver.trades")
    must = replace(DESK, nullable=False)
    wrong = replace(spec, columns=(*spec.columns, must))

    assert widen(lake.spark, wrong, spec.identifier(lake.exchange)) == ()
    with pytest.raises(TableDiffers, match="desk"):
        compare(lake.spark, wrong, spec.identifier(lake.exchange))
