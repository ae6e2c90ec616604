"""The five promises of the design, held against a whole stack that is hurt on purpose.

One story, told in order: each test goes on where the one before it left the stack.
"""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer

from query.status import last_gate
from schemas.table import all_exchanges
from schemas.topic import TRADES
from tests.stack import recordings
from tests.stack.laptop import Laptop, eventually, kill
from tests.stack.promises import (
    CANDLES,
    GOLD,
    bent,
    doubled,
    goes_on,
    lost,
    other_candles,
    pid_of,
    rows,
    settled,
    unaccounted,
)

pytestmark = pytest.mark.stack
RATE = 60


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


@pytest.mark.parametrize(
    ("app", "point"),
    [
        ("silver.trades", "after silver.trades"),
        ("gold.trades", "after gold.trades"),
    ],
)
def test_a_driver_that_dies_in_mid_batch_loses_and_doubles_nothing(
    laptop: Laptop, app: str, point: str
) -> None:
    before = pid_of(laptop, "spark-connect")
    file = laptop.home / "locks" / f"failpoint.{app}"
    file.write_text(point)

    def dead() -> bool:
        return not file.exists() and not Path(f"/proc/{before}").exists()

    eventually(dead, f"the driver dies {point}", every=0.5)
    print(f"gold went on after {goes_on(laptop):.0f} s")

    assert (lost(laptop), doubled(laptop), settled(laptop)) == ([], [], [])
    assert unaccounted(laptop) == []


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


@pytest.mark.parametrize("width", CANDLES)
def test_candles_are_those_of_the_trades(laptop: Laptop, width: str) -> None:
    goes_on(laptop)

    held, differ = other_candles(laptop, width)

    assert held
    assert differ == []


def test_what_went_in_came_out_run_by_run(laptop: Laptop) -> None:
    assert int(laptop.one("SELECT sum(bronze_rows) FROM silver_accounting")) > 400
    assert unaccounted(laptop) == []


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


def test_nothing_listens_beyond_this_machine(laptop: Laptop) -> None:
    held = {
        (words.split("/")[-1][:60], connection.laddr.ip.removeprefix("::ffff:"))
        for pid, words in laptop.processes().items()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert len(held) > 5
    assert {(name, ip) for name, ip in held if not ip_address(ip).is_loopback} == set()


def test_down_leaves_no_process_and_no_open_port(laptop: Laptop) -> None:
    assert laptop.listening() and laptop.processes()

    laptop.run("down")

    assert laptop.listening() == set()
    assert laptop.processes() == {}
