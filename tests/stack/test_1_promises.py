"""The five promises of the design, held against a whole stack that is hurt on purpose.

One story in three files, told in order: each test goes on where the one before it left
the stack. The second tells of losses, the third of other feeds and of the end.
"""

import subprocess
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.exchange import usual_exchanges
from schemas.table import ROOT
from schemas.topic import TRADES
from stack import java
from stack.settings import environment
from tests.stack.laptop import Laptop, eventually, kill
from tests.stack.promises import (
    CANDLES,
    GOLD,
    bent,
    doubled,
    end_everything,
    goes_on,
    is_running,
    lost,
    other_candles,
    pid_of,
    rows,
    settled,
    unaccounted,
)

pytestmark = pytest.mark.stack


def test_trades_of_every_exchange_reach_gold(laptop: Laptop) -> None:
    for exchange in usual_exchanges():
        eventually(lambda: rows(laptop, exchange) > 200, f"{exchange} in gold")


def test_every_driver_of_spark_has_its_classes_from_the_archive(
    laptop: Laptop,
) -> None:
    archive = str(java.archive(laptop.place))
    drivers = [
        pid
        for pid, words in laptop.processes().items()
        if "/bin/java " in words and "spark.deploy.SparkSubmit" in words
    ]

    assert len(drivers) == 2
    for pid in drivers:
        assert archive in Path(f"/proc/{pid}/maps").read_text()
    for name in ("spark-connect", "bronze"):
        # What a killed life leaves there goes before the next one.
        assert any((laptop.place.scratch / name).iterdir())


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


def kill_task(laptop: Laptop, step: str) -> None:
    """Kill an Airflow task while it runs a step of a lane."""
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


def test_killed_airflow_tasks_lose_and_double_nothing(laptop: Laptop) -> None:
    for step in ("silver.trades", "gold.trades"):
        kill_task(laptop, step)
    print(f"gold went on after {goes_on(laptop):.0f} s")

    assert (lost(laptop), doubled(laptop), settled(laptop)) == ([], [], [])


def die_in_mid_batch(laptop: Laptop, app: str) -> None:
    """Have the driver die once it has written an app's table."""
    eventually(lambda: is_running(laptop, "spark-connect"), "a driver is there")
    before = pid_of(laptop, "spark-connect")
    file = laptop.home / "locks" / f"failpoint.{app}"
    file.write_text(f"after {app}")

    def dead() -> bool:
        return not file.exists() and not Path(f"/proc/{before}").exists()

    eventually(dead, f"the driver dies after {app}", every=0.5)


def test_drivers_that_die_in_mid_batch_lose_and_double_nothing(laptop: Laptop) -> None:
    for app in ("silver.trades", "gold.trades"):
        die_in_mid_batch(laptop, app)
    print(f"gold went on after {goes_on(laptop):.0f} s")

    assert (lost(laptop), doubled(laptop), settled(laptop)) == ([], [], [])
    assert unaccounted(laptop) == []


def test_frames_and_messages_nobody_can_read_are_dead_letters(laptop: Laptop) -> None:
    garbage = '{"cut": "in the midd'
    for exchange in usual_exchanges():
        laptop.control(f"{exchange}/garbage", {"frame": garbage})
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{laptop.ports['KAFKA']}"})
    poison = {b"": "empty_payload", b"\x07no header": "bad_wire_header"}
    for value in poison:
        for exchange in usual_exchanges():
            producer.produce(TRADES.name(exchange), key=b"POISON", value=value)
    producer.flush(60)

    def buried() -> list[dict[str, object]]:
        return laptop.sql(
            "SELECT exchange, stage, error_reason, hex(raw_record) AS raw "
            "FROM silver_dead_letters ORDER BY ALL"
        )

    wanted = sorted(
        (exchange.upper(), stage, reason, raw.hex().upper())
        for exchange in usual_exchanges()
        for stage, reason, raw in [
            ("ingest", "frame_unparseable", garbage.encode()),
            *(("silver", reason, value) for value, reason in poison.items()),
        ]
    )
    eventually(lambda: len(buried()) >= len(wanted), f"{len(wanted)} dead letters")
    goes_on(laptop)

    assert sorted(tuple(row.values()) for row in buried()) == wanted
    assert settled(laptop) == []


@pytest.mark.parametrize("exchange", usual_exchanges())
def test_every_digit_in_gold_is_the_digit_that_was_sent(
    laptop: Laptop, exchange: str
) -> None:
    compared, differ = bent(laptop, exchange)

    assert compared > 200
    assert differ == []


@pytest.mark.parametrize("width", CANDLES)
def test_candles_are_those_of_the_trades(laptop: Laptop, width: str) -> None:
    # The job that makes wider ones runs each minute, and was killed like all others.
    eventually(lambda: not other_candles(laptop, width)[1], f"candles of {width} agree")

    held, _ = other_candles(laptop, width)
    assert held


def test_what_went_in_came_out_run_by_run(laptop: Laptop) -> None:
    assert int(laptop.one("SELECT sum(bronze_rows) FROM silver_accounting")) > 400
    assert unaccounted(laptop) == []


def test_lanes_outlive_the_snapshots_that_they_began_with(laptop: Laptop) -> None:
    """Spark's sessions may not keep what they once looked up."""
    ages = ("BULLION_KEEP_SNAPSHOTS_HOURS", "BULLION_KEEP_BRONZE_SNAPSHOTS_HOURS")
    env = environment(laptop.place)
    subprocess.run(
        [env["BULLION_SPARK_PYTHON"], "-P", "-m", "spark_apps.run", "upkeep"],
        cwd=ROOT,
        env=env | dict.fromkeys(ages, "0.002"),
        check=True,
        timeout=300,
    )

    # The first run afterwards still knows the table as it was.
    for _ in range(3):
        goes_on(laptop)


def test_after_the_death_of_everything_up_goes_on(laptop: Laptop) -> None:
    before = int(laptop.one(f"SELECT count(*) AS n FROM {GOLD}"))
    end_everything(laptop)
    began = time.monotonic()
    laptop.run("up")
    print(f"up again within {time.monotonic() - began:.0f} s")
    goes_on(laptop)

    assert int(laptop.one(f"SELECT count(*) AS n FROM {GOLD}")) > before
    assert (doubled(laptop), settled(laptop)) == ([], [])
