"""A small lake in a folder, and the settings that lead to it."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from query.reading.lake import Lake
from query.settings import Settings
from schemas.table import all_exchanges
from tests.expectations.cases import NOON, trade_row
from tests.expectations.tables import append, created, lake

EXCHANGE = all_exchanges()[0]
SHARED = (
    *("silver.dead_letters", "silver.replays", "silver.accounting", "gold.accounting"),
    *("gold.ranges", "gold.gaps", "gold.counts", "gold.candles_1m"),
)
DIGITS = Decimal("61837.630000000000000001")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        exchanges=all_exchanges(),
        catalog_uri=f"sqlite:///{tmp_path}/catalog.db",
        s3_endpoint="",
        s3_access_key="",
        s3_secret_key="",
        s3_region="",
        warehouse=f"file://{tmp_path}",
        # Nobody listens on this port: who asks there must say so.
        kafka_servers="127.0.0.1:1",
        checkpoints=tmp_path / "checkpoints",
        gates=tmp_path / "gates",
        alerts=tmp_path / "alerts",
        backups=tmp_path / "backups",
        capture_metrics={},
        airflow_url="http://127.0.0.1:1",
        airflow_passwords=tmp_path / "passwords.json",
    )


@pytest.fixture
def catalog(tmp_path: Path) -> SqlCatalog:
    """Gold with three trades of one exchange in two commits; silver without rows."""
    catalog = lake(tmp_path)
    gold = created(catalog, "gold.trades", "")
    for exchange in all_exchanges():
        created(catalog, "bronze.trades", exchange)
        created(catalog, "silver.trades", exchange)
    for address in SHARED:
        created(catalog, address, "")
    late = {"ingestion_timestamp": NOON + timedelta(minutes=1)}
    gold_row = {
        "exchange_date": NOON.date(),
        "exchange_hour": NOON.hour,
        "gold_ingestion_timestamp": NOON,
    }
    for ids, changes in (("1", {"price": DIGITS}), ("23", late)):
        rows = [trade_row(EXCHANGE, trade_id=one, **changes) | gold_row for one in ids]
        append(gold, "gold.trades", rows)
    return catalog


@pytest.fixture
def small(settings: Settings, catalog: SqlCatalog) -> Iterator[Lake]:
    with Lake(settings, catalog) as opened:
        yield opened
