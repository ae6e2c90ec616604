"""The increment is exactly what gold will read: real Iceberg tables in a folder."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from expectations.catalog import HistoryGone, Position, added_by, consumed, pending
from expectations.figures import figures, judged, spans
from expectations.increment import checkpoint
from expectations.silver.trades import rules
from schemas.table import all_exchanges
from tests.expectations.cases import NOON
from tests.expectations.tables import append, created, lake, trades

EXCHANGE = all_exchanges()[0]
SILVER, CANDLES = "silver.trades", "gold.candles_1m"


@pytest.fixture
def catalog(tmp_path: Path) -> SqlCatalog:
    return lake(tmp_path)


@pytest.fixture
def silver(catalog: SqlCatalog) -> Table:
    return created(catalog, SILVER, EXCHANGE)


@pytest.fixture
def candles(catalog: SqlCatalog) -> Table:
    return created(catalog, CANDLES, EXCHANGE)


@pytest.fixture
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def ids(table: Table, position: Position) -> list[str]:
    """Return the trade ids in the files behind the position."""
    found = [file for each in pending(table, position) for file in files(table, each)]
    if not found:
        return []
    rows = duckdb.execute("SELECT trade_id FROM read_parquet($1)", [found]).fetchall()
    return sorted(row[0] for row in rows)


def files(table: Table, snapshot: object) -> tuple[str, ...]:
    return added_by(table, snapshot).files  # type: ignore[arg-type]


def close(price: str, age: timedelta) -> dict[str, object]:
    return {
        "exchange": EXCHANGE.upper(),
        "symbol": "BTCUSD",
        "window_start": NOON - age,
        "close_price": Decimal(price),
    }


def test_nothing_waits_in_an_empty_table(silver: Table) -> None:
    assert pending(silver, Position()) == ()


def test_a_reader_that_has_read_nothing_gets_everything(silver: Table) -> None:
    append(silver, SILVER, trades(EXCHANGE, [1, 2]))
    append(silver, SILVER, trades(EXCHANGE, [3]))

    assert ids(silver, Position()) == ["1", "2", "3"]


def test_a_reader_gets_what_came_after_its_position_and_nothing_else(
    silver: Table,
) -> None:
    first = append(silver, SILVER, trades(EXCHANGE, [1, 2]))
    second = append(silver, SILVER, trades(EXCHANGE, [3]))
    third = append(silver, SILVER, trades(EXCHANGE, [4, 5]))

    assert ids(silver, Position(first, 1)) == ["3", "4", "5"]
    assert ids(silver, Position(second, 1)) == ["4", "5"]
    assert ids(silver, Position(third, 1)) == []


def test_a_snapshot_that_is_half_read_is_asked_again_whole(silver: Table) -> None:
    first = append(silver, SILVER, trades(EXCHANGE, [1, 2]))

    assert ids(silver, Position(first, 0)) == ["1", "2"]


def test_what_was_deleted_or_rewritten_is_stepped_over(silver: Table) -> None:
    first = append(silver, SILVER, trades(EXCHANGE, [1]))
    append(silver, SILVER, trades(EXCHANGE, [2]))
    silver.delete("trade_id = '1'")

    assert ids(silver, Position(first, 1)) == ["2"]


def test_expired_history_stops_the_gate(silver: Table) -> None:
    first = append(silver, SILVER, trades(EXCHANGE, [1]))
    second = append(silver, SILVER, trades(EXCHANGE, [2]))
    append(silver, SILVER, trades(EXCHANGE, [3]))
    silver.maintenance.expire_snapshots().by_id(first).commit()
    silver.refresh()

    assert ids(silver, Position(second, 1)) == ["3"]
    for position in (Position(first, 1), Position()):
        with pytest.raises(HistoryGone, match="restore the checkpoint"):
            pending(silver, position)


def test_a_table_made_anew_is_not_taken_for_a_table_that_was_read(
    silver: Table,
) -> None:
    append(silver, SILVER, trades(EXCHANGE, [1]))

    with pytest.raises(HistoryGone):
        pending(silver, Position(4711, 1))


def test_a_position_is_the_last_batch_that_was_ended(env: Mapping[str, str]) -> None:
    folder = checkpoint("gold.trades", EXCHANGE, env)
    assert consumed(folder) == Position()
    for batch, snapshot in ((9, 70), (10, 80), (11, 90)):
        (folder / "offsets").mkdir(parents=True, exist_ok=True)
        offset = {"version": 1, "snapshot_id": snapshot, "position": 2}
        (folder / f"offsets/{batch}").write_text(f"v1\n{{}}\n{json.dumps(offset)}")
    (folder / "commits").mkdir()
    for name in ("9", "10", ".10.crc"):
        (folder / "commits" / name).touch()

    assert consumed(folder) == Position(80, 2)


def test_each_row_has_a_verdict_for_each_rule(
    silver: Table, engine: duckdb.DuckDBPyConnection
) -> None:
    bad = trades(EXCHANGE, [2], price=Decimal(0))
    append(silver, SILVER, [*trades(EXCHANGE, [1]), *bad])
    (snapshot,) = pending(silver, Position())

    verdicts = judged(engine, files(silver, snapshot), rules(EXCHANGE))

    assert len(verdicts) == 2
    broken = verdicts.columns[~verdicts.all()]
    assert list(broken) == ["price_must_be_positive"]


@pytest.mark.parametrize(
    ("prices", "known", "jump"),
    [
        (["100", "110"], [], 105 / 100),
        (["100", "100", "1000"], [], 10),
        (["100"], [("50", timedelta(minutes=5)), ("1", timedelta(hours=5))], 2),
        (["100"], [("400", timedelta(hours=30))], 4),
        (["100"], [("1", timedelta(days=5))], 1),
    ],
)
def test_a_price_is_compared_with_the_last_known_else_with_its_neighbours(
    silver: Table,
    candles: Table,
    engine: duckdb.DuckDBPyConnection,
    prices: list[str],
    known: list[tuple[str, timedelta]],
    jump: float,
) -> None:
    rows = [
        row
        for number, price in enumerate(prices)
        for row in trades(EXCHANGE, [number], price=Decimal(price))
    ]
    append(silver, SILVER, rows)
    if known:
        append(candles, CANDLES, [close(*each) for each in known])
    (snapshot,) = pending(silver, Position())

    line = figures(engine, files(silver, snapshot), candles, EXCHANGE, [])

    assert line["price_jump"].iloc[0] == pytest.approx(jump)


def test_days_that_lie_years_apart_are_not_compared_with_each_other(
    silver: Table, candles: Table, engine: duckdb.DuckDBPyConnection
) -> None:
    old = trades(
        EXCHANGE, [1, 2], price=Decimal(9), timestamp=NOON - timedelta(days=700)
    )
    append(silver, SILVER, [*old, *trades(EXCHANGE, [3], price=Decimal(90))])
    append(candles, CANDLES, [close("91", timedelta(minutes=1))])
    (snapshot,) = pending(silver, Position())

    line = figures(engine, files(silver, snapshot), candles, EXCHANGE, [])

    assert line["price_jump"].iloc[0] == pytest.approx(91 / 90)


def test_order_delay_and_dead_letters_are_counted(
    silver: Table, candles: Table, engine: duckdb.DuckDBPyConnection
) -> None:
    rows = trades(EXCHANGE, [1, 2, 4])
    late = trades(EXCHANGE, [3])[0] | {"kafka_offset": 9}
    append(silver, SILVER, [*rows, late], **{"bullion.rows": "104"})
    (snapshot,) = pending(silver, Position())
    added = added_by(silver, snapshot)

    line = figures(engine, added.files, candles, EXCHANGE, [added.notes]).iloc[0]

    assert (line.row_count, line.ids_going_back, line.delay_p95_s) == (4, 1, 2)
    assert (line.dead_letters, line.dead_letter_share) == (100, 100 / 104)
    assert line.blocking_share == 100 / 104


def test_a_handful_of_dead_letters_closes_no_lane(
    silver: Table, candles: Table, engine: duckdb.DuckDBPyConnection
) -> None:
    append(silver, SILVER, trades(EXCHANGE, [1]), **{"bullion.rows": "20"})
    (snapshot,) = pending(silver, Position())
    added = added_by(silver, snapshot)

    line = figures(engine, added.files, candles, EXCHANGE, [added.notes]).iloc[0]

    assert (line.dead_letters, line.dead_letter_share) == (19, 19 / 20)
    assert line.blocking_share == 0


def test_neighbouring_days_are_one_span() -> None:
    one = NOON.date()
    far = one + timedelta(days=100)

    assert spans([]) == []
    assert spans([one, one + timedelta(days=3), far]) == [
        (one, one + timedelta(days=3)),
        (far, far),
    ]
