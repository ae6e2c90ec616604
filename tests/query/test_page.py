"""The page's figures: from the small lake, each part by itself, fresh while asked."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from expectations.gate_notes import history, last, troubles
from query.accounting import accounting
from query.market import market
from query.page import BARS_S, Answer, Part, Sources, page, parts
from query.reading.lake import Lake
from query.refreshed import Refreshed, asked
from query.settings import Settings
from query.status import dead_letters
from query.verdict import verdict
from schemas.table import table_at
from tests.expectations.cases import NOON
from tests.expectations.tables import append
from tests.query.conftest import EXCHANGE

MINUTE = timedelta(minutes=1)


@pytest.fixture
def sources(settings: Settings, catalog: SqlCatalog) -> Iterator[Sources]:
    opened = Sources(settings, catalog)
    yield opened
    opened.close()


def silver_account(**changes: Any) -> dict[str, Any]:
    return {
        "exchange": "ACME",
        "run_at": NOON,
        "query_id": "q",
        "batch_id": 0,
        "kafka_topic": "acme",
        "kafka_partition": 0,
        "first_offset": 0,
        "last_offset": 9,
        "bronze_rows": 10,
        "silver_rows": 8,
        "dead_letters": 2,
    } | changes


def gold_account(**changes: Any) -> dict[str, Any]:
    return {
        "exchange": "ACME",
        "run_at": NOON,
        "query_id": "q",
        "batch_id": 0,
        "silver_rows": 7,
        "inserted": 4,
        "duplicates": 2,
        "conflicts": 1,
        "refused": 1,
    } | changes


def candle(minute: int, close: str, count: int, **changes: Any) -> dict[str, Any]:
    start = NOON + minute * MINUTE
    prices = ("open_price", "high_price", "low_price", "close_price")
    return {
        "exchange": "ACME",
        "symbol": "BTCUSD",
        "window_start": start,
        "window_end": start + MINUTE,
        "window_date": start.date(),
        **dict.fromkeys(prices, Decimal(close)),
        "trade_count": count,
        "created_at": NOON,
        "updated_at": NOON,
    } | changes


def put(catalog: SqlCatalog, address: str, rows: list[dict[str, Any]]) -> None:
    append(catalog.load_table(table_at(address).identifier()), address, rows)


def answered(refreshed: Refreshed, names: set[str]) -> dict[str, Answer]:
    """Return the answers once all of these parts have one."""
    for _ in range(300):
        found = dict(refreshed.answers())
        if names <= found.keys():
            return found
        time.sleep(0.1)
    raise AssertionError(f"no answer of {names - found.keys()}")


def test_rows_in_are_rows_out_and_what_no_sum_holds_is_lost(
    small: Lake, catalog: SqlCatalog
) -> None:
    put(catalog, "silver.accounting", [silver_account()])
    put(catalog, "gold.accounting", [gold_account(refused=None, duplicates=3)])
    put(catalog, "silver.accounting", [silver_account(exchange="AJAX", silver_rows=5)])

    acme, ajax = accounting(small)

    assert (acme["bronze_rows"], acme["lost"], acme["waiting"]) == (10, 0, 1)
    assert (acme["gold_read"], acme["inserted"], acme["refused"]) == (7, 4, 0)
    assert (ajax["lost"], ajax["gold_read"], ajax["waiting"]) == (3, 0, 5)


def test_the_hour_ends_at_the_newest_candle_and_prices_keep_their_digits(
    small: Lake, catalog: SqlCatalog
) -> None:
    exact = "61837.630000000000000001"
    rows = [candle(-60, "1", 999), candle(-59, "10", 60), candle(0, exact, 7)]
    rows += [candle(-minute, "11", 300) for minute in range(1, 6)]
    put(catalog, "gold.candles_1m", [*rows, candle(-2, "5", 3000, symbol="ETHUSD")])

    told = market(small)

    assert datetime.fromisoformat(told["until"]) == NOON + MINUTE
    assert told["minutes"][-1] - told["minutes"][0] == 59 * 60
    (acme,) = told["trades"]
    assert acme["rate_s"] == round((5 * 300 + 3000) / 300, 2)
    assert acme["counts"][0] == 60 and acme["counts"][-1] == 7
    bitcoin, ether = told["symbols"]
    assert (bitcoin["price"], bitcoin["trades"]) == (exact, 60 + 1500 + 7)
    assert bitcoin["closes"][0] == 10.0 and bitcoin["closes"][1] is None
    assert (ether["symbol"], told["of"]) == ("ETHUSD", 2)


def test_a_lake_that_has_just_begun_shows_a_quarter_of_an_hour(
    small: Lake, catalog: SqlCatalog
) -> None:
    put(catalog, "gold.candles_1m", [candle(-1, "10", 60), candle(0, "11", 60)])

    told = market(small)

    assert len(told["minutes"]) == 15
    (acme,) = told["trades"]
    assert (acme["counts"], acme["rate_s"]) == ([0] * 13 + [60, 60], 1.0)


def test_a_market_without_candles_says_so(small: Lake) -> None:
    assert market(small)["until"] is None


def test_gates_are_told_by_their_whole_lines_alone(settings: Settings) -> None:
    settings.gates.mkdir()
    lines = [
        json.dumps({"at": n, "outcome": "closed" if n % 50 == 3 else "passed"})
        for n in range(100)
    ]
    file = settings.gates / f"{EXCHANGE}.jsonl"
    file.write_text("\n".join(lines) + '\n{"at": 100, "outc')

    assert last(settings.gates, EXCHANGE) == {"at": 99, "outcome": "passed"}
    assert [e["at"] for e in history(settings.gates, EXCHANGE, 3)] == [97, 98, 99]
    assert [e["at"] for e in troubles(settings.gates, EXCHANGE, 5)] == [3, 53]


def test_the_end_of_a_long_file_is_read_without_the_line_it_begins_in(
    settings: Settings,
) -> None:
    settings.gates.mkdir()
    line = json.dumps({"outcome": "closed", "failed": ["x" * 3000]}) + "\n"
    (settings.gates / f"{EXCHANGE}.jsonl").write_text(line * 200)

    found = history(settings.gates, EXCHANGE, 90)

    assert 50 < len(found) < 90
    assert last(settings.gates, EXCHANGE) == json.loads(line)


def test_the_page_has_the_figures_of_status_and_each_part_its_age(
    settings: Settings, sources: Sources
) -> None:
    shared = {"market", "gates", "accounting", "dead_letters", "completeness"}
    names = {f"lane {EXCHANGE}", *shared}
    chosen = tuple(part for part in parts(settings) if part.name in names)
    answers = {part.name: asked(part, sources, Answer()) for part in chosen}

    told = page(settings, answers)

    lane = told["parts"][f"lane {EXCHANGE}"]
    assert lane["error"] is None and 0 <= lane["age_s"] < 60
    assert lane["told"]["layers"]["gold"]["rows"] == 3
    assert told["parts"]["dead_letters"]["told"] == dead_letters(sources.lake)
    assert told["parts"]["health"] == {
        "at": None,
        "age_s": None,
        "took_s": 0,
        "error": None,
        "told": None,
    }


def test_airflow_away_is_told_in_its_part_and_hides_no_other(
    settings: Settings, sources: Sources
) -> None:
    answers = {
        part.name: asked(part, sources, Answer())
        for part in parts(settings)
        if part.name in ("timetable", "dead_letters")
    }
    told = page(settings, answers)["parts"]

    assert "Airflow is away" in told["timetable"]["error"]
    assert told["timetable"]["told"] is None
    assert told["dead_letters"]["error"] is None


def test_a_part_that_fails_keeps_its_last_answer_and_says_why(
    settings: Settings, sources: Sources
) -> None:
    def broken(_: Sources) -> None:
        raise OSError("the store is away")

    before = Answer([1, 2], datetime.now(UTC) - timedelta(minutes=9))
    answer = asked(Part("gates", 5, broken), sources, before)
    told = page(settings, {"gates": answer})

    assert told["parts"]["gates"]["told"] == [1, 2]
    assert told["parts"]["gates"]["age_s"] > 500
    assert told["parts"]["gates"]["error"] == "OSError: the store is away"
    assert [each["level"] for each in told["verdict"]] == ["warning"] * 2


def test_answers_come_at_once_are_renewed_while_asked_and_end_with_the_asking(
    settings: Settings, catalog: SqlCatalog
) -> None:
    asks: list[float] = []

    def count(_: Sources) -> int:
        asks.append(time.monotonic())
        return len(asks)

    slow = Part("slow", 0, lambda _: time.sleep(0.2) or "done")
    refreshed = Refreshed(
        settings,
        lambda: Sources(settings, catalog),
        (Part("count", 0, count), slow),
        idle_s=1.5,
    )
    began = time.monotonic()
    assert refreshed.answers() == {}
    assert time.monotonic() - began < 0.1

    first = answered(refreshed, {"count", "slow"})["count"].told
    time.sleep(1.2)
    assert refreshed.answers()["count"].told > first
    time.sleep(3.5)
    ended = len(asks)
    time.sleep(1.5)
    assert len(asks) == ended

    refreshed.answers()
    time.sleep(1)
    assert len(asks) > ended

    refreshed.close()
    ended = len(asks)
    assert refreshed.answers()["count"].told == ended
    time.sleep(1)
    assert len(asks) == ended


def test_what_is_wrong_is_said_with_what_to_do_and_comes_first() -> None:
    gate = {"outcome": "closed", "failed": ["price_jump"]}
    layers = {name: {"freshness_s": 5000.0} for name in BARS_S}
    lane = {
        "exchange": "acme",
        "last_gate": gate,
        "paused": True,
        "layers": layers,
        "kafka_lag": "unknown: broker away",
    }
    account = [{"exchange": "ACME", "lost": 12}]
    told = {
        "lane acme": {"error": None, "age_s": 1.0, "told": lane},
        "accounting": {"error": None, "age_s": 1.0, "told": account},
        "market": {"error": "no store", "age_s": None, "told": None},
    }

    said = verdict(told, BARS_S)

    assert [each["level"] for each in said] == ["bad"] * 2 + ["warning"] * 4
    assert said[0]["text"] == "The lane of acme is closed: price_jump."
    assert said[0]["dag"] == "release_lane"
    assert said[1]["text"] == "12 rows of ACME are in no account."
    assert all(each["do"] for each in said)
    assert any("old: bronze 5,000 s, silver 5,000 s" in each["text"] for each in said)


def test_nothing_is_said_of_what_is_well_unless_it_is_old() -> None:
    layers = {name: {"freshness_s": 1.0} for name in BARS_S}
    lane = {
        "exchange": "acme",
        "last_gate": None,
        "paused": False,
        "layers": layers,
        "kafka_lag": 0,
    }
    told = {"lane acme": {"error": None, "age_s": 9.0, "told": lane}}

    assert verdict(told, BARS_S) == []

    (nobody,) = verdict({}, BARS_S)
    assert nobody["text"] == "No exchange is captured."

    told["lane acme"]["age_s"] = 3600.0
    (said,) = verdict(told, BARS_S)
    assert said["text"] == "These figures are older than 3 min: lane acme."
