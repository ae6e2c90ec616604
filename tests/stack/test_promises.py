"""The five promises of the design, held against a whole stack that is hurt on purpose.

One story, told in order: each test goes on where the one before it left the stack.
"""

import json
import os
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Producer
from sqlalchemy.exc import OperationalError

from query.lake import QueryRefused
from query.status import last_gate
from schemas.table import all_exchanges
from schemas.topic import TRADES
from tests.stack import recordings
from tests.stack.laptop import Laptop, eventually, kill

pytestmark = pytest.mark.stack
RATE = 60
GOLD = "gold_crypto_trades"


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A stack that was started once, by the command that a newcomer types."""
    laptop = Laptop(
        tmp_path_factory.mktemp("bullion") / "home", {"BULLION_LANE_SECONDS": "15"}
    )
    try:
        print(laptop.run("up", "--feed", "simulated", "--rate", str(RATE)))
        yield laptop
    finally:
        laptop.run("down")


def rows(laptop: Laptop, exchange: str) -> int:
    return int(
        laptop.one(
            f"SELECT count(*) AS n FROM {GOLD} WHERE exchange = '{exchange.upper()}'"
        )
    )


def goes_on(laptop: Laptop) -> float:
    """Return the seconds until gold of every exchange has more rows than now.

    The catalog or the objects may be away meanwhile: then there is no answer yet.
    """
    before: dict[str, int] = {}

    def more() -> bool:
        try:
            now = {exchange: rows(laptop, exchange) for exchange in all_exchanges()}
        except (OperationalError, QueryRefused, OSError) as away:
            print(f"no answer yet: {str(away).splitlines()[0]}")
            return False
        before.update({name: n for name, n in now.items() if name not in before})
        return all(n > before[name] for name, n in now.items())

    return eventually(more, "gold of every exchange goes on")


def lost(laptop: Laptop) -> list[dict[str, object]]:
    """Return the symbols in which an id is missing between the first and the last."""
    return laptop.sql(
        "SELECT exchange, symbol, max(id) - min(id) + 1 - count(*) AS missing FROM "
        f"(SELECT exchange, symbol, trade_id::BIGINT AS id FROM {GOLD}) "
        "GROUP BY ALL HAVING missing <> 0"
    )


def doubled(laptop: Laptop) -> list[dict[str, object]]:
    return laptop.sql(
        f"SELECT message_id, count(*) AS n FROM {GOLD} GROUP BY ALL HAVING n > 1"
    )


def bent(laptop: Laptop, exchange: str) -> tuple[int, list[object]]:
    """Return how many gold rows were compared with the truth, and those that differ."""
    held = laptop.sql(
        "SELECT symbol, trade_id, price::VARCHAR AS price, quantity::VARCHAR AS "
        "quantity, side, epoch_us(timestamp) AS us, "
        "vendor_data['native_symbol'] AS native "
        f"FROM {GOLD} WHERE exchange = '{exchange.upper()}'"
    )
    differ: list[object] = []
    for native in sorted({str(row["native"]) for row in held}):
        mine = {int(row["trade_id"]): row for row in held if row["native"] == native}
        span = f"from_id={min(mine)}&to_id={max(mine)}"
        lines = laptop.control(f"truth/{exchange}?symbol={native}&{span}").splitlines()
        truth = {int(told["trade_id"]): told for told in map(json.loads, lines)}
        for trade_id, row in mine.items():
            told = truth[trade_id]
            same = (
                Decimal(row["price"]) == Decimal(told["price"])
                and Decimal(row["quantity"]) == Decimal(told["quantity"])
                and int(row["us"]) == int(told["time_us"])
                and row["side"] == told["side"].upper()
            )
            if not same:
                differ.append((row, told))
    return len(held), differ


def settled(laptop: Laptop) -> list[dict[str, object]]:
    """Return the messages that are neither in silver nor among the dead letters.

    Only what silver has had time to read is asked for: each partition up to the last
    offset that either table holds.
    """
    broken = []
    for exchange in all_exchanges():
        broken += laptop.sql(
            "WITH out AS (SELECT kafka_partition AS p, kafka_offset AS o "
            f"FROM silver_{exchange}_trades UNION ALL "
            "SELECT kafka_partition, kafka_offset FROM silver_dead_letters "
            f"WHERE stage = 'silver' AND exchange = '{exchange.upper()}'), "
            "ends AS (SELECT p, max(o) AS last FROM out GROUP BY p) "
            'SELECT b."partition" AS p, b."offset" AS o, count(out.o) AS times '
            f'FROM bronze_{exchange}_trades b JOIN ends ON ends.p = b."partition" '
            'AND b."offset" <= ends.last '
            'LEFT JOIN out ON out.p = b."partition" AND out.o = b."offset" '
            "GROUP BY ALL HAVING count(out.o) <> 1 OR count(*) <> 1"
        )
    return broken


def test_trades_of_every_exchange_reach_gold(laptop: Laptop) -> None:
    for exchange in all_exchanges():
        eventually(lambda: rows(laptop, exchange) > 200, f"{exchange} in gold")


def test_a_killed_bronze_driver_loses_and_doubles_nothing(laptop: Laptop) -> None:
    kill(pid_of(laptop, "bronze"))
    print(f"gold went on after {goes_on(laptop):.0f} s")

    assert (lost(laptop), doubled(laptop), settled(laptop)) == ([], [], [])


def test_a_killed_broker_loses_and_doubles_nothing(laptop: Laptop) -> None:
    kill(pid_of(laptop, "kafka"))
    print(f"gold went on after {goes_on(laptop):.0f} s")

    assert (lost(laptop), doubled(laptop), settled(laptop)) == ([], [], [])


def test_services_that_die_together_come_back_by_themselves(laptop: Laptop) -> None:
    for name in ("postgres", "s3", "registry", "spark-connect", "airflow-scheduler"):
        kill(pid_of(laptop, name))
    print(f"gold went on after {goes_on(laptop):.0f} s")

    assert (lost(laptop), doubled(laptop), settled(laptop)) == ([], [], [])


@pytest.mark.parametrize("step", ["silver.trades", "gold.trades"])
def test_a_killed_airflow_task_loses_and_doubles_nothing(
    laptop: Laptop, step: str
) -> None:
    found: list[int] = []

    def runs() -> bool:
        found[:] = [
            pid
            for pid, words in laptop.processes().items()
            if f"spark_apps.run {step}" in words
        ]
        return bool(found)

    eventually(runs, f"a task runs {step}", every=0.2)
    # The task's own process is the parent of the job: both must end and come again.
    stat = Path(f"/proc/{found[0]}/stat").read_text()
    kill(int(stat.rsplit(")", 1)[1].split()[1]))
    print(f"gold went on after {goes_on(laptop):.0f} s")

    assert (lost(laptop), doubled(laptop), settled(laptop)) == ([], [], [])


def test_frames_and_messages_nobody_can_read_are_dead_letters(laptop: Laptop) -> None:
    garbage = '{"cut": "in the midd'
    for exchange in all_exchanges():
        laptop.control(f"{exchange}/garbage", {"frame": garbage})
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{laptop.ports['KAFKA']}"})
    poison = {b"": "empty_payload", b"\x07no header": "bad_wire_header"}
    for value in poison:
        for exchange in all_exchanges():
            producer.produce(TRADES.name(exchange), key=b"POISON", value=value)
    producer.flush(60)

    def buried() -> list[dict[str, object]]:
        return laptop.sql(
            "SELECT exchange, stage, error_reason, hex(raw_record) AS raw "
            "FROM silver_dead_letters ORDER BY ALL"
        )

    wanted = sorted(
        (exchange.upper(), stage, reason, raw.hex().upper())
        for exchange in all_exchanges()
        for stage, reason, raw in [
            ("ingest", "frame_unparseable", garbage.encode()),
            *(("silver", reason, value) for value, reason in poison.items()),
        ]
    )
    eventually(lambda: len(buried()) >= len(wanted), f"{len(wanted)} dead letters")
    goes_on(laptop)

    assert sorted(tuple(row.values()) for row in buried()) == wanted
    assert settled(laptop) == []


@pytest.mark.parametrize("exchange", all_exchanges())
def test_every_digit_in_gold_is_the_digit_that_was_sent(
    laptop: Laptop, exchange: str
) -> None:
    compared, differ = bent(laptop, exchange)

    assert compared > 200
    assert differ == []


def test_candles_are_those_of_the_trades(laptop: Laptop) -> None:
    differ = laptop.sql(
        "WITH made AS (SELECT exchange, symbol, time_bucket(INTERVAL 1 MINUTE, "
        "timestamp) AS window_start, "
        "arg_min(price, (timestamp, trade_id::BIGINT)) AS open_price, "
        "max(price) AS high_price, min(price) AS low_price, "
        "arg_max(price, (timestamp, trade_id::BIGINT)) AS close_price, "
        "sum(quantity) AS volume, count(*) AS trade_count "
        f"FROM {GOLD} GROUP BY ALL) "
        "SELECT * FROM made FULL JOIN gold_crypto_candles_1m c "
        "USING (exchange, symbol, window_start) "
        # The newest minutes may be ahead in one of the two tables by one run.
        "WHERE window_start < (SELECT max(window_start) - INTERVAL 2 MINUTE FROM made)"
        " AND (made.open_price, made.high_price, made.low_price, made.close_price, "
        "made.volume, made.trade_count) IS DISTINCT FROM (c.open_price, c.high_price, "
        "c.low_price, c.close_price, c.volume, c.trade_count)"
    )

    assert int(laptop.one("SELECT count(*) AS n FROM gold_crypto_candles_1m")) > 4
    assert differ == []


def test_after_the_death_of_everything_up_goes_on(laptop: Laptop) -> None:
    before = int(laptop.one(f"SELECT count(*) AS n FROM {GOLD}"))
    for pid in laptop.processes():
        try:
            kill(pid)
        except ProcessLookupError:
            continue  # it ended with another of them
    began = time.monotonic()
    laptop.run("up")
    print(f"up again within {time.monotonic() - began:.0f} s")
    goes_on(laptop)

    assert int(laptop.one(f"SELECT count(*) AS n FROM {GOLD}")) > before
    assert (doubled(laptop), settled(laptop)) == ([], [])


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
    closed, *others = all_exchanges()
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


def test_down_leaves_no_process_and_no_open_port(laptop: Laptop) -> None:
    assert laptop.listening() and laptop.processes()

    laptop.run("down")

    assert laptop.listening() == set()
    assert laptop.processes() == {}


def pid_of(laptop: Laptop, program: str) -> int:
    """Return the pid of a program that `status` says is running."""
    (process,) = (
        process
        for process in laptop.status()["processes"]
        if process["name"] == program
    )
    pid = int(process["pid"])
    os.kill(pid, 0)
    return pid
