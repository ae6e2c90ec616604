"""Starts a Spark app: `python -m spark_apps.run APP`, or spark-submit with this file.

    conf                             print what Spark is to be told, for spark-defaults
    bootstrap                        create the tables, prime the lanes' readers
    cluster-check                    write and read a table; who took part
    move-checkpoints FROM TO MARK    while nothing runs; MARK is a file that tells where
    bronze.trades EX [EX...]         carry Kafka into bronze, for ever (spark-submit)
    silver.trades EX                 carry what is new in bronze, and end
    gold.trades EX --gated SNAPSHOT  carry what passed the gate, and end

The last line on stdout is the report, one JSON object.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    # Started as a file, Python would look for modules beside it and not above.
    sys.path[0] = str(Path(__file__).parents[1])

from pyspark.sql import SparkSession

from expectations.places import folder
from spark_apps.bootstrap import bootstrap
from spark_apps.cluster_check import CheckFailed, cluster_check
from spark_apps.continuous import TopicMissing, carry
from spark_apps.job_guard import CONNECT_CLIENT, Busy, end_with_airflow, hold_lock
from spark_apps.lane import Report, Ungated, promote, refine
from spark_apps.registry import RegistryUnreachable
from spark_apps.relocation import MoveRefused, move
from spark_apps.session import conf
from spark_apps.settings import Settings, Storage
from spark_apps.streams import HistoryGone, NotPrimed
from spark_apps.tables import TableDiffers

ENDLESS = ("bronze.trades", "silver.dead_letters")
"""The apps that one continuous driver runs for each of its exchanges."""
TOLD = (
    Busy,
    CheckFailed,
    ConnectionError,
    FileNotFoundError,
    HistoryGone,
    LookupError,
    MoveRefused,
    NotPrimed,
    RegistryUnreachable,
    TableDiffers,
    TopicMissing,
    Ungated,
)
"""Errors whose message is all that a person needs."""


def main(words: Sequence[str]) -> int:
    """Run what the words ask for; return the exit code."""
    asked = arguments().parse_args(words)
    try:
        if asked.app == "conf":
            for key, value in conf(Storage.read(os.environ)).items():
                print(key, value)
            return 0
        if asked.app == "move-checkpoints":
            source = folder(asked.source, os.environ)
            target = folder(asked.target, os.environ)
            print(json.dumps(move(source, target, asked.mark)))
            return 0
        settings = Settings.read(os.environ)
        if asked.app == "bronze.trades":
            without_end(asked.exchanges, settings)
            return 0
        print(json.dumps(over_connect(asked, settings)), flush=True)
        return 0
    except TOLD as error:
        lacking = "see .env.example: " if type(error) is KeyError else ""
        print(f"{lacking}{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spark_apps.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    apps = parser.add_subparsers(dest="app", required=True)
    apps.add_parser("conf")
    apps.add_parser("bootstrap")
    apps.add_parser("cluster-check")
    moving = apps.add_parser("move-checkpoints")
    moving.add_argument("source")
    moving.add_argument("target")
    moving.add_argument("mark", type=Path)
    apps.add_parser("bronze.trades").add_argument("exchanges", nargs="+")
    apps.add_parser("silver.trades").add_argument("exchange")
    gold = apps.add_parser("gold.trades")
    gold.add_argument("exchange")
    gold.add_argument("--gated", type=int, required=True)
    return parser


def without_end(exchanges: Sequence[str], settings: Settings) -> None:
    """Run the continuous apps in this driver until one fails."""
    spark = SparkSession.builder.getOrCreate()
    apps = [import_module(f"spark_apps.{address}").APP for address in ENDLESS]
    held = [hold_lock(settings.locks, f"bronze.trades.{each}") for each in exchanges]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        carry(spark, apps, exchanges, settings)
    finally:
        spark.stop()
        for lock in held:
            os.close(lock)


def over_connect(asked: argparse.Namespace, settings: Settings) -> Report:
    """Run one step in the session of its turn; leave nothing running behind."""
    # Nothing of Connect is loaded by the continuous driver.
    from spark_apps.writer_session import open_writer

    exchange = getattr(asked, "exchange", "")
    turn = f"{asked.app}.{exchange}" if exchange else asked.app
    if settings.airflow:
        end_with_airflow(CONNECT_CLIENT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lock = hold_lock(settings.locks, turn)
    spark = open_writer(settings.connect_host, settings.connect_port, turn)
    try:
        return step(asked)(spark, settings)
    finally:
        # The server would go on without us.
        spark.interruptAll()
        os.close(lock)


def step(asked: argparse.Namespace) -> Callable[[SparkSession, Settings], Report]:
    match asked.app:
        case "bootstrap":
            return bootstrap
        case "cluster-check":
            return cluster_check
    app = import_module(f"spark_apps.{asked.app}").APP
    if asked.app == "silver.trades":
        return lambda spark, settings: refine(spark, app, asked.exchange, settings)
    return lambda spark, settings: promote(
        spark, app, asked.exchange, settings, asked.gated
    )


if __name__ == "__main__":
    # The module's other name: what is pickled for the server must not be `__main__`.
    from spark_apps import run

    sys.exit(run.main(sys.argv[1:]))
