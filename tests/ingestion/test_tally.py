"""An archive's day is counted exactly, and what cannot be counted is told as that."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.exchange import load
from ingestion.settings import Place, Settings
from ingestion.tally import Counting
from schemas.exchange import has_files
from schemas.table import all_exchanges
from tests.ingestion.test_backfill import DAY_BEFORE, Bringing, bringing

WITH_FILES = [each for each in all_exchanges() if has_files(each)]


def counting(it: Bringing) -> Counting:
    day = it.day
    return Counting(exchange=day.exchange, place=day.place, settings=day.settings)


@pytest.mark.parametrize("name", WITH_FILES)
async def test_a_file_is_counted_and_thrown_away(name: str, tmp_path: Path) -> None:
    async with bringing(name, tmp_path) as it:
        archive = it.day.exchange.archive
        assert archive is not None
        told = await counting(it).of_symbol(archive, it.instrument, DAY_BEFORE)
        ids = [trade.trade_id for trade in it.happened()]

    assert (told.trades, told.error) == (len(ids), "")
    assert (told.first_id, told.last_id) == (min(ids), max(ids))
    assert told.trades > 5000
    assert not [each for each in tmp_path.rglob("*") if each.suffix == ".zip"]


@pytest.mark.parametrize("name", WITH_FILES)
async def test_a_file_that_is_not_out_yet_is_told_and_nothing_is_counted(
    name: str, tmp_path: Path
) -> None:
    async with bringing(name, tmp_path) as it:
        archive = it.day.exchange.archive
        assert archive is not None
        today = datetime.now(UTC).date()
        told = await counting(it).of_symbol(archive, it.instrument, today)

    assert (told.trades, told.first_id) == (0, None)
    assert "ask again later" in told.error


async def test_an_exchange_without_files_has_nothing_to_count(tmp_path: Path) -> None:
    name = next(each for each in all_exchanges() if not has_files(each))
    env = {"BULLION_KAFKA_SERVERS": "127.0.0.1:1", "BULLION_REGISTRY_URL": "http://x"}
    exchange = load(name)
    asked = Counting(
        exchange=exchange,
        place=Place.read(env, exchange),
        settings=Settings.read(env | {"BULLION_BACKFILL": str(tmp_path)}),
    )

    (told,) = await asked.tally([DAY_BEFORE - timedelta(days=1)])

    assert (told.exchange, told.symbols) == (name.upper(), [])
