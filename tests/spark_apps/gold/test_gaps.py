"""The ledger: holes in gold's trade ids are found, followed, and proven away."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.id_range import IdRange, from_text
from schemas.table import table_at
from spark_apps.frame import frame_of
from spark_apps.gold.gaps import (
    Answer,
    Gap,
    answered,
    answers,
    as_it_is,
    holes,
    unknown,
)
from spark_apps.gold.ranges import Held, grown
from spark_apps.ledger import keep_ledger
from tests.spark_apps.lake import NOON, Crash, Lake, crash_at, record, trade

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)


def held(first: int, last: int, **changes: Any) -> Held:
    told = {
        "exchange": "ACME",
        "symbol": "BTCUSD",
        "first_id": first,
        "last_id": last,
        "first_timestamp": NOON + timedelta(seconds=first),
        "last_timestamp": NOON + timedelta(seconds=last),
    }
    return Held(**told | changes)


def gap(first: int = 11, last: int = 20) -> Gap:
    (found,) = holes([held(1, first - 1), held(last + 1, last + 9)], NOW)
    return found


def answer(
    of: Gap,
    *,
    after: timedelta = MINUTE,
    skipped: Iterable[IdRange] = (),
    whole: bool = True,
    published: int = 0,
) -> Answer:
    return Answer(
        exchange=of.exchange,
        symbol=of.symbol,
        first_missing_id=of.first_missing_id,
        last_missing_id=of.last_missing_id,
        asked_at=NOW + after,
        requests=1,
        published=published,
        whole=whole,
        skipped=tuple(skipped),
    )


def heard(of: Gap, **said: Any) -> Gap:
    return answered(of, answer(of, **said), apart=2 * MINUTE)


def judged(of: Gap, *ids: IdRange) -> Gap:
    return as_it_is(of, ids, (), NOW + timedelta(hours=1))


def test_ranges_grow_together_and_keep_the_times_of_their_ends() -> None:
    found = grown([held(5, 9), held(1, 4), held(7, 12), held(20, 21)])

    assert found == {("ACME", "BTCUSD"): [held(1, 12), held(20, 21)]}


def test_what_lies_between_two_ranges_is_a_gap() -> None:
    found = gap()

    assert found.span == (11, 20) and found.missing == 10
    assert found.after_timestamp == NOON + timedelta(seconds=10)
    assert found.before_timestamp == NOON + timedelta(seconds=21)
    assert (found.state, found.filled_at) == ("open", None)


@pytest.mark.parametrize(
    ("before", "behind", "cause"),
    [
        ("10:00 start 0", "10:00 start 0", "omitted by the stream"),
        ("10:00 start 0", "10:00 start 2", "rejected frame"),
        ("10:00 start 0", "10:05 closed 0", "disconnect"),
        ("10:00 start 0", "10:05 notice 0", "disconnect"),
        ("10:00 start 3", "10:05 stall 0", "silence"),
        ("10:00 closed 0", "10:05 silence 0", "silence"),
        ("10:00 closed 0", "10:05 start 0", "capture was down"),
        (None, "10:05 start 0", None),
        ("10:00 closed 0", None, None),
    ],
)
def test_the_connections_on_both_sides_of_a_gap_tell_its_cause(
    before: str | None, behind: str | None, cause: str | None
) -> None:
    low, high = held(1, 5, last_connection=before), held(9, 12, first_connection=behind)

    (found,) = holes([low, high], NOW)

    assert found.cause == cause


def test_days_of_the_past_that_nobody_asked_for_are_no_loss() -> None:
    day = timedelta(days=1)

    def on(number: int, first: int, last: int, live: int | None = None) -> Held:
        at = NOON + number * day
        return held(
            first, last, first_timestamp=at, last_timestamp=at, live_from_id=live
        )

    # Two days between which one was not asked for; then one of which a part is missing.
    past = [on(0, 1, 9), on(2, 20, 29), on(2, 35, 39), on(3, 50, 59)]
    assert [gap.span for gap in holes(past, NOW)] == [(30, 34), (40, 49)]
    # Since capture began every id is wanted, however long it was down.
    live = [*past, on(9, 80, 99, live=85), on(20, 200, 299, live=200)]
    assert [gap.span for gap in holes(live, NOW)][2:] == [(100, 199)]
    assert not grown([on(0, 1, 9), on(0, 10, 12, live=11)])[("ACME", "BTCUSD")][1:]
    (whole,) = grown([on(0, 1, 9), on(0, 10, 12, live=11)])[("ACME", "BTCUSD")]
    assert whole.live_from_id == 11


def test_a_hole_in_a_known_gap_is_no_other_gap_but_that_of_another_symbol_is() -> None:
    (part,) = holes([held(1, 13), held(16, 30)], NOW)
    (other,) = holes([held(1, 13, symbol="X"), held(16, 30, symbol="X")], NOW)

    assert unknown([part, other], [gap()]) == [other]


def test_a_gap_shrinks_with_what_comes_and_closes() -> None:
    smaller = judged(gap(), (1, 12), (15, 40))
    assert (smaller.state, smaller.missing) == ("open", 2)
    assert from_text(smaller.missing_ranges) == [(13, 14)]

    closed = judged(smaller, (1, 40))
    assert (closed.state, closed.missing, closed.missing_ranges) == ("filled", 0, "[]")
    assert closed.filled_at == NOW + timedelta(hours=1)


def test_a_gap_whose_trades_are_on_their_way_is_filling() -> None:
    told = heard(gap(), published=10)

    assert judged(told, (1, 10), (21, 29)).state == "filling"


def test_ids_left_out_twice_minutes_apart_are_absent() -> None:
    first = heard(gap(), skipped=[(11, 20)])
    assert judged(first, (1, 10), (21, 29)).missing == 10

    second = heard(first, after=4 * MINUTE, skipped=[(11, 12), (15, 15)])
    found = judged(second, (1, 10), (13, 14), (16, 29))
    assert (found.state, found.missing) == ("absent", 0)


def test_what_is_absent_in_a_wide_gap_does_not_hold_up_what_lies_behind() -> None:
    """A fill that ends before it is through proves what it has passed, and no more."""
    first = heard(gap(11, 90), skipped=[(15, 16)], whole=False, published=20)
    second = heard(first, after=4 * MINUTE, skipped=[(15, 16)], whole=False)
    found = judged(second, (1, 14), (17, 30), (91, 99))
    assert (found.state, found.missing_ranges) == ("open", "[[31, 90]]")

    # From now on they are not asked for, and stay absent.
    third = heard(found, after=8 * MINUTE, skipped=[(40, 40)], published=60)
    found = judged(third, (1, 14), (17, 39), (41, 99))
    assert (found.state, found.missing_ranges) == ("filling", "[[40, 40]]")
    fourth = heard(found, after=12 * MINUTE, skipped=[(40, 40)])
    assert judged(fourth, (1, 14), (17, 39), (41, 99)).state == "absent"


def test_ids_that_come_after_all_are_held_and_not_absent() -> None:
    first = heard(gap(), skipped=[(11, 20)])
    second = heard(first, after=4 * MINUTE, skipped=[(11, 20)])

    assert judged(second, (1, 29)).state == "filled"


@pytest.mark.parametrize(
    ("later", "skipped"),
    [
        (timedelta(seconds=90), [(11, 20)]),  # too soon after the first
        (10 * MINUTE, []),  # it had them, the second time
        (10 * MINUTE, [(21, 40)]),  # others
    ],
)
def test_nothing_less_proves_that_ids_are_absent(
    later: timedelta, skipped: list[IdRange]
) -> None:
    first = heard(gap(), after=timedelta(0), skipped=[(11, 20)])
    second = heard(first, after=later, skipped=skipped)

    assert judged(second, (1, 10), (21, 29)).missing == 10


def test_an_answer_is_read_from_a_fills_report() -> None:
    (read,) = answers(
        '{"answers": [{"exchange": "ACME", "symbol": "BTCUSD", "first_missing_id": 11,'
        ' "last_missing_id": 20, "asked_at": "2026-11-22T13:01:00+00:00",'
        ' "requests": 1, "published": 0, "whole": true, "skipped": [[11, 12]],'
        ' "reached": null, "error": ""}]}'
    )

    assert read == answer(gap(), skipped=[(11, 12)])


def test_how_far_a_fill_came_is_kept_until_the_next_answer() -> None:
    report = (
        '{"answers": [{"exchange": "ACME", "symbol": "BTCUSD", "first_missing_id": 11,'
        ' "last_missing_id": 20, "asked_at": "2026-11-22T13:01:00+00:00",'
        ' "requests": 1, "published": 4, "whole": false, "skipped": [],'
        ' "reached": [14, "2026-11-22T12:00:14.5Z"], "error": ""}]}'
    )
    partly = answered(gap(), *answers(report), apart=2 * MINUTE)
    later = heard(partly)

    told, last = (json.loads(each.evidence or "")["last"] for each in (partly, later))
    assert told["reached"] == [14, "2026-11-22T12:00:14.500000+00:00"]
    assert "reached" not in last


def arrived(lake: Lake, *ids: int, **changes: Any) -> None:
    """Let one commit bring trades with these ids to gold, a second apart by id."""
    rows = []
    for each in ids:
        moment = NOON + timedelta(seconds=each)
        sound = trade(lake.exchange, trade_id=str(each), timestamp=moment, **changes)
        rows.append(
            record(sound, side=str(sound.side.value))
            | {
                "exchange_date": moment.date(),
                "exchange_hour": moment.hour,
                "gold_ingestion_timestamp": NOW,
            }
        )
    frame = frame_of(lake.spark, rows, table_at("gold.trades").ddl)
    frame.coalesce(1).writeTo(lake.name("gold.trades")).append()


def kept(lake: Lake, crash: str = "", *told: Answer) -> dict[str, Any]:
    return dict(keep_ledger(lake.spark, lake.settings, told, crash_at(crash)))


def told(lake: Lake) -> list[tuple[Any, ...]]:
    rows = lake.rows("gold.gaps", "symbol, first_missing_id")
    names = ("symbol", "first_missing_id", "last_missing_id", "state", "missing")
    return [tuple(row[name] for name in names) for row in rows]


def spans(lake: Lake) -> list[tuple[Any, ...]]:
    rows = lake.rows("gold.ranges", "symbol, first_id")
    return [(row.symbol, row.first_id, row.last_id) for row in rows]


@pytest.mark.spark
def test_the_ledger_follows_gold(lake: Lake) -> None:
    assert kept(lake)["snapshot_id"] is None
    arrived(lake, 1, 2, 3, 7, 8)
    arrived(lake, 100, 101, base_asset="ETH")
    assert kept(lake)["found"] == 1
    assert told(lake) == [("BTCUSD", 4, 6, "open", 3)]
    (row,) = lake.rows("gold.gaps", "symbol")
    assert row.after_timestamp.second == 3 and row.before_timestamp.second == 7

    arrived(lake, 9, 12, 5)
    assert kept(lake) | {"snapshot_id": ""} == {
        **{"snapshot_id": "", "found": 1, "filled": 0, "absent": 0},
        **{"open": 2, "missing": 4},
    }
    assert told(lake) == [
        ("BTCUSD", 4, 6, "open", 2),
        ("BTCUSD", 10, 11, "open", 2),
    ]
    arrived(lake, 4, 6, 10, 11)
    assert kept(lake)["filled"] == 2
    assert {row[3] for row in told(lake)} == {"filled"}
    assert spans(lake) == [("BTCUSD", 1, 12), ("ETHUSD", 100, 101)]
    # Nothing new: nothing is read, nothing is written.
    assert kept(lake)["snapshot_id"] is None


@pytest.mark.spark
def test_a_run_that_died_between_the_two_tables_is_done_again(lake: Lake) -> None:
    arrived(lake, 1, 2, 6)
    with pytest.raises(Crash):
        kept(lake, "between gaps and ranges")
    assert told(lake) == [("BTCUSD", 3, 5, "open", 3)] and spans(lake) == []

    assert kept(lake)["found"] == 0
    assert told(lake) == [("BTCUSD", 3, 5, "open", 3)]
    assert spans(lake) == [("BTCUSD", 1, 2), ("BTCUSD", 6, 6)]


@pytest.mark.spark
def test_where_its_place_has_expired_the_ledger_reads_all_of_gold(lake: Lake) -> None:
    arrived(lake, 1, 2)
    kept(lake)
    arrived(lake, 3, 9)
    arrived(lake, 4)
    name = lake.name("gold.trades").removeprefix("lake.")
    lake.spark.sql(
        f"CALL lake.system.expire_snapshots(table => '{name}', retain_last => 1, "
        "older_than => TIMESTAMP '2100-01-01 00:00:00')"
    )

    assert kept(lake)["found"] == 1
    assert spans(lake) == [("BTCUSD", 1, 4), ("BTCUSD", 9, 9)]
    assert told(lake) == [("BTCUSD", 5, 8, "open", 4)]


@pytest.mark.spark
def test_answers_of_the_exchange_are_kept_as_evidence(lake: Lake) -> None:
    arrived(lake, 1, 4)
    kept(lake)
    (row,) = lake.rows("gold.gaps", "symbol")
    of = {
        "exchange": row.exchange,
        "symbol": row.symbol,
        "first_missing_id": 2,
        "last_missing_id": 3,
        **{"requests": 1, "published": 0, "whole": True, "skipped": ((2, 3),)},
    }

    assert kept(lake, "", Answer(**of, asked_at=NOW))["open"] == 1
    assert kept(lake, "", Answer(**of, asked_at=NOW + 5 * MINUTE))["absent"] == 1

    (row,) = lake.rows("gold.gaps", "symbol")
    assert (row.state, row.missing) == ("absent", 0)
    assert '"asks": 2' in row.evidence
    assert kept(lake)["found"] == 0


@pytest.mark.spark
def test_the_tables_tell_why_trades_are_missing_and_since_when_capture_runs(
    lake: Lake,
) -> None:
    def came(connection: str = "", source: str = "ws") -> dict[str, str]:
        return {"source": source} | ({"connection": connection} if connection else {})

    arrived(lake, 1, 2, vendor_data=came(source="archive"))
    arrived(lake, 3, 4, vendor_data=came("10:00 start 0"))
    kept(lake)
    arrived(lake, 6, vendor_data=came("10:00 start 0"))
    arrived(lake, 9, vendor_data=came("10:05 stall 0"))
    arrived(lake, 12, vendor_data=came(source="rest"))
    kept(lake)

    rows = lake.rows("gold.gaps", "first_missing_id")
    assert [(row.first_missing_id, row.cause) for row in rows] == [
        (5, "omitted by the stream"),
        (7, "silence"),
        (10, None),
    ]
    first, *_, last = lake.rows("gold.ranges", "first_id")
    assert (first.first_id, first.live_from_id) == (1, 3)
    came_at = {
        t.trade_id: t.ingestion_timestamp for t in lake.rows("gold.trades", "trade_id")
    }
    assert first.live_since == came_at["3"] != came_at["1"]
    assert (first.first_connection, first.last_connection) == (None, "10:00 start 0")
    assert (last.live_from_id, last.live_since) == (None, None)


@pytest.mark.parametrize(
    ("refused", "absent", "state", "missing"),
    [
        ([(11, 20)], [], "refused", 0),
        ([(11, 12)], [], "open", 8),
        ([(11, 12)], [(13, 20)], "absent", 0),
        ([], [], "open", 10),
        ([(1, 5)], [], "open", 10),
    ],
)
def test_ids_that_a_person_refused_are_not_missing(
    refused: list[IdRange], absent: list[IdRange], state: str, missing: int
) -> None:
    hole = gap()
    if absent:
        hole = heard(hole, after=timedelta(0), skipped=absent)
        hole = heard(hole, after=5 * MINUTE, skipped=absent)

    told = as_it_is(hole, [(1, 10), (21, 29)], refused, NOW)

    assert (told.state, told.missing) == (state, missing)


@pytest.mark.spark
def test_the_ledger_asks_for_no_id_that_was_refused(lake: Lake) -> None:
    from tests.spark_apps.gold.test_refused import refuse

    arrived(lake, 1, 2, 5)
    assert kept(lake)["missing"] == 2
    refuse(lake, 3)
    assert kept(lake)["missing"] == 2
    lake.spark.sql(
        f"INSERT INTO {lake.name('gold.decisions')} VALUES ('ACME', 1, 2, 'refuse', "
        "'price_jump', 3, 1, 'why', 'ada', now(), 'manual__1')"
    )

    assert kept(lake)["missing"] == 1
    (row,) = lake.rows("gold.gaps", "symbol")
    assert (row.state, from_text(row.missing_ranges)) == ("open", [(4, 4)])
