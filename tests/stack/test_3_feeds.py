"""Recorded trades, a lane that its gate closes, and what people decide of it.

The story's third part; the fourth ends it.
"""

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from query.airflow_api import Airflow
from query.status import last_gate
from schemas.exchange import usual_exchanges
from tests.query.receiver import Receiver
from tests.stack import letters, recordings, spoiled
from tests.stack.laptop import Laptop, eventually, kill
from tests.stack.people import hears, logged_in, refused
from tests.stack.promises import (
    GOLD,
    RATE,
    compared,
    doubled,
    goes_on,
    last_ids,
    open_gaps,
    pid_of,
    rows,
    tortured,
)

pytestmark = pytest.mark.stack
OMITTED = 6
"""Trades of each exchange that the simulator keeps from its WebSockets."""
FAULTS = 30
"""Of all sorts, drawn by a seed."""


def test_what_no_websocket_told_comes_by_rest(laptop: Laptop) -> None:
    """Left out while the connection stands, lost with a process, tortured away.

    `./bullion bench soak` is the same for half an hour.
    """
    laptop.control("torture", {"seed": 3, "faults": FAULTS, "every": 2})
    state = json.loads(laptop.control("state"))
    for exchange in usual_exchanges():
        order = {"symbol": next(iter(state[exchange]["last"])), "count": OMITTED}
        laptop.control(f"{exchange}/omit", order)
    # Of one exchange only: where a new connection repeats trades, it brings them all.
    killed = usual_exchanges()[0]
    kill(pid_of(laptop, f"capture-{killed}"))
    eventually(lambda: not tortured(laptop)["left"], f"{FAULTS} faults are done")
    assert sum(tortured(laptop)["done"].values()) == FAULTS
    until = last_ids(laptop)

    def as_the_truth() -> bool:
        told = compared(laptop, until)
        print(told, len(open_gaps(laptop)), "gaps open")
        return not open_gaps(laptop) and not any(row.missing for row in told)

    took = eventually(as_the_truth, "gold is the truth", within=600, every=10)
    print(f"gold was the truth {took:.0f} s after the last fault")
    told = compared(laptop, until)
    assert {row.exchange for row in told} == set(usual_exchanges())
    for row in told:
        assert row.happened and (row.missing, row.unknown, row.changed) == (0, 0, 0)
    assert doubled(laptop) == []
    by_rest = laptop.sql(
        f"SELECT exchange, count(*) AS n FROM {GOLD} "
        "WHERE vendor_data['origin'] = 'rest' GROUP BY ALL"
    )
    assert all(row["n"] >= OMITTED for row in by_rest)
    assert len(by_rest) == len(until)


def test_recorded_trades_arrive_whole(laptop: Laptop) -> None:
    if not recordings.DATA.is_dir():
        pytest.skip("shared/data is not beside this checkout")
    told = {
        "BINANCE": {trade.trade_id: trade for trade in recordings.binance()},
        "KRAKEN": {trade.trade_id: trade for trade in recordings.kraken()},
    }
    began = time.monotonic()
    laptop.run("up", "--feed", f"recorded={recordings.DATA}", "--speed", "full")
    for exchange, trades in told.items():
        ids = sorted(map(int, trades))

        def whole() -> bool:
            held = laptop.one(
                f"SELECT count(*) AS n FROM {GOLD} WHERE exchange = '{exchange}' AND "
                "symbol = 'BTCUSDT' AND timestamp < TIMESTAMPTZ '2026-01-01' AND "
                f"trade_id::BIGINT BETWEEN {ids[0]} AND {ids[-1]}"
            )
            return int(held) >= len(ids)

        eventually(whole, f"{len(ids)} recorded trades of {exchange} in gold")
    print(f"recorded trades in gold {time.monotonic() - began:.0f} s after `up`")

    for exchange, trades in told.items():
        held = {
            row["trade_id"]: row
            for row in laptop.sql(
                "SELECT trade_id, price::VARCHAR AS price, quantity::VARCHAR AS "
                "quantity, side, epoch_us(timestamp) AS us "
                f"FROM {GOLD} WHERE exchange = '{exchange}' AND symbol = 'BTCUSDT' "
                "AND timestamp < TIMESTAMPTZ '2026-01-01'"
            )
        }
        assert held.keys() == trades.keys()
        for trade_id, trade in trades.items():
            row = held[trade_id]
            assert Decimal(row["price"]) == trade.price
            assert Decimal(row["quantity"]) == trade.quantity
            assert row["side"] == trade.side
            assert int(row["us"]) == trade.time_us
    assert doubled(laptop) == []


def test_a_price_out_of_all_proportion_closes_its_lane_alone(laptop: Laptop) -> None:
    laptop.run("up", "--feed", "simulated", "--rate", str(RATE))
    goes_on(laptop)
    closed, *others = usual_exchanges()
    state = json.loads(laptop.control(f"truth/{closed}").splitlines()[-1])
    symbol = state["symbol"]
    laptop.control(f"{closed}/spike", {"symbol": symbol, "factor": 1000})

    def gate(exchange: str) -> str:
        told = last_gate(laptop.settings, exchange)
        return str(told and told["outcome"])

    eventually(lambda: gate(closed) == "closed", f"the gate of {closed} closes")
    held = rows(laptop, closed)
    for exchange in others:
        before = rows(laptop, exchange)
        eventually(lambda: rows(laptop, exchange) > before, f"{exchange} goes on")
    eventually(lambda: gate(closed) == "closed", "and stays closed")

    assert rows(laptop, closed) == held
    assert int(
        laptop.one(
            f"SELECT count(*) AS n FROM silver_{closed}_trades s ANTI JOIN {GOLD} g "
            "USING (message_id)"
        )
    )
    assert (
        int(
            laptop.one(
                f"SELECT count(*) AS n FROM {GOLD} WHERE exchange = "
                f"'{closed.upper()}' AND price > 10000000"
            )
        )
        == 0
    )


def test_people_are_told_once_that_a_lane_is_closed(
    laptop: Laptop, hook: Receiver
) -> None:
    closed = usual_exchanges()[0]

    (opened,) = hears(laptop, hook, "lane_closed", closed, "opened")

    assert "price_jump not met" in opened["what"]
    assert opened["page"] == "docs/runbooks/closed-lane.md"
    shown = json.loads(laptop.run("alerts", "--json", check=False))["incidents"]
    assert ("lane_closed", closed) in {(e["kind"], e["subject"]) for e in shown}


def test_a_person_refuses_what_is_at_fault_and_the_lane_goes_on(laptop: Laptop) -> None:
    closed = usual_exchanges()[0]
    flow, run = Airflow(laptop.settings), "by-hand"
    runs = "/api/v2/dags/release_lane/dagRuns"
    order = {"dag_run_id": run, "logical_date": None, "conf": {"exchange": closed}}
    assert refused(laptop, "viewer", runs, order, "POST")
    logged_in(laptop, "operator").ask(runs, order)
    answer = f"{runs}/{run}/taskInstances/answer"
    eventually(
        lambda: str(flow.ask(answer).get("state")) == "awaiting_input",
        "a person is asked",
        every=1,
    )
    # Airflow fails a task that is answered before its scheduler has heard of the pause.
    time.sleep(20)
    reason = "the simulator's own doing"
    said = {"chosen_options": ["Refuse"], "params_input": {"reason": reason}}
    for name in ("viewer", "operator"):
        assert refused(laptop, name, f"{answer}/-1/hitlDetails", said, "PATCH")
    logged_in(laptop, "approver").ask(f"{answer}/-1/hitlDetails", said, "PATCH")
    held = rows(laptop, closed)

    eventually(lambda: rows(laptop, closed) > held, f"the lane of {closed} goes on")
    # Gold reads what waited meanwhile in several batches; theirs may be the last one.
    eventually(
        lambda: int(laptop.one("SELECT sum(refused) FROM gold_accounting")) >= 1,
        "the refused trade is in gold's account",
    )
    (letter,) = laptop.sql(
        "SELECT symbol, trade_id, error_reason, error_detail, raw_record IS NOT NULL "
        f"AS whole FROM silver_dead_letters WHERE stage = 'gate' "
        f"AND exchange = '{closed.upper()}'"
    )
    assert (letter["error_reason"], letter["error_detail"]) == ("price_jump", reason)
    assert str(letter["whole"]).lower() == "true"
    (decision,) = laptop.sql("SELECT * FROM gate_decisions")
    assert (decision["decision"], decision["decided_by"]) == ("refuse", "approver")
    assert (
        laptop.sql(
            f"SELECT trade_id FROM {GOLD} WHERE exchange = '{closed.upper()}' AND "
            f"symbol = '{letter['symbol']}' AND trade_id = '{letter['trade_id']}'"
        )
        == []
    )
    assert (
        laptop.sql(
            "SELECT * FROM gold_accounting WHERE silver_rows <> inserted + duplicates "
            "+ coalesce(refused, 0)"
        )
        == []
    )


def test_dead_letters_are_sent_again_once_their_schema_is_there(laptop: Laptop) -> None:
    exchange = usual_exchanges()[0]
    coming = letters.planted(laptop, exchange)
    mine = f"exchange = '{exchange.upper()}' AND stage = 'silver'"

    def dead() -> int:
        return int(
            laptop.one(f"SELECT count(*) AS n FROM silver_dead_letters WHERE {mine}")
        )

    eventually(lambda: dead() > len(coming), "all of them are dead letters")
    before = dead()
    number = letters.registered(laptop)
    assert number in coming

    letters.triggered(laptop, "late", exchange=exchange)
    shown = letters.answered(laptop, "late", "the schema is registered by now")

    assert letters.ended(laptop, "late") == "success"
    assert "**1** would be sent" in str(shown["body"])
    gold = f"SELECT trade_id FROM {GOLD} WHERE symbol = '{letters.SYMBOL}'"
    eventually(lambda: len(laptop.sql(gold)) == 1, "it is in gold")
    assert [row["trade_id"] for row in laptop.sql(gold)] == [str(number)]
    assert dead() == before and doubled(laptop) == []
    # What passes was sent: nobody is asked about the others.
    letters.triggered(laptop, "again", exchange=exchange)
    assert letters.ended(laptop, "again") == "success"
    (line,) = laptop.sql("SELECT * FROM dead_letter_replays")
    assert (line["outcome"], line["replayed_by"]) == ("gold", "admin")


def test_what_a_hand_took_out_of_gold_is_derived_again(laptop: Laptop) -> None:
    exchange = usual_exchanges()[-1]
    name = exchange.upper()
    some = spoiled.trades(laptop, exchange)
    today = spoiled.TODAY.format("window_start")
    mine = f"gold_crypto_candles_1m WHERE exchange = '{name}' AND {today}"
    day = laptop.one(f"SELECT min(window_start)::DATE::VARCHAR AS day FROM {mine}")
    minutes = (
        f"SELECT count(*) AS n, sum(volume)::VARCHAR AS volume FROM {mine} AND "
        f"window_start < (SELECT min(window_start) + INTERVAL 1 MINUTE FROM {mine})"
    )
    whole = laptop.sql(minutes)
    spoiled.taken_out(laptop, some)
    assert spoiled.trades(laptop, exchange) != some
    assert laptop.sql(minutes) != whole

    assert spoiled.rebuilt(laptop, exchange, str(day)) == "success"

    assert spoiled.trades(laptop, exchange) == some
    assert laptop.sql(minutes) == whole
    assert doubled(laptop) == []
    (line,) = laptop.sql(
        "SELECT inserted FROM gold_accounting WHERE query_id LIKE 'rebuild %' "
        "AND batch_id = 0"
    )
    assert line["inserted"] == len(some)
    goes_on(laptop)


def test_people_are_told_once_that_the_lane_is_open_again(
    laptop: Laptop, hook: Receiver
) -> None:
    opened, recovered = hears(
        laptop, hook, "lane_closed", usual_exchanges()[0], "opened", "recovered"
    )

    assert opened["incident"] == recovered["incident"]
    assert opened["at"] < recovered["at"]
    assert hook.headers and all(each["Idempotency-Key"] for each in hook.headers)


def test_the_ledger_tells_what_was_missing_and_what_became_of_it(
    laptop: Laptop,
) -> None:
    def told() -> list[dict[str, Any]]:
        return laptop.sql(
            "SELECT exchange, sum(last_missing_id - first_missing_id + 1)::BIGINT AS n "
            "FROM trade_gaps WHERE state = 'filled' AND missing = 0 "
            "AND evidence IS NOT NULL GROUP BY ALL ORDER BY ALL"
        )

    wanted = [exchange.upper() for exchange in usual_exchanges()]
    eventually(lambda: [row["exchange"] for row in told()] == wanted, "all are filled")
    assert all(row["n"] >= OMITTED for row in told())
    proof = laptop.status()["completeness"]
    assert sum(each["recovered"] for each in proof["symbols"]) >= len(wanted) * OMITTED
    # A recording's ids lie far from those before it: that hole is told of, and left.
    assert {each["exchange"] for each in proof["open"]} <= set(wanted)
