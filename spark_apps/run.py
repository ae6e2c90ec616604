"""Starts a Spark app: `python -m spark_apps.run APP`, or spark-submit with this file.

    conf                             print what Spark is to be told, for spark-defaults
    bootstrap                        create the tables, prime the lanes' readers
    cluster-check                    write and read a table; who took part
    move-checkpoints FROM TO MARK    while nothing runs; MARK is a file that tells where
    bronze.trades EX [EX...]         carry Kafka into bronze, for ever (spark-submit)
    silver.trades EX                 carry what is new in bronze, and end
    gold.trades EX --gated SNAPSHOT [--refused N]
                                     carry what passed the gate, and end
    gold.candles                     compute wider candles from new minutes, and end
    gold.gaps [--answers JSON]       find holes in gold's trade ids, keep the ledger
    gold.counts [--counts JSON]      compare gold with what REST was found to have
    silver.replays STEP --asked JSON [--run R --by WHO --why TEXT --snapshot N]
                                     STEP is look, send or follow: of dead letters
    audit [--from DAY] [--to DAY] [--archive FILE]
                                     compare a day's tables, layer with layer
    rebuild LAYER EX --from DAY [--to DAY] [--write yes]
                                     derive silver, gold or candles again from below
    upkeep [TABLE...]                compact, rewrite manifests, expire snapshots
    retention [TABLE...]             drop partitions older than their table keeps
    orphans [TABLE...] [--delete]    list the files nobody knows, or delete them
    backup                           copy checkpoints and catalog, forget old copies
    restore [--from BACKUP] [--yes]  find and mend what is lost; nothing else may run

A TABLE is an address such as gold.trades; none means all. The last line on stdout is
the report, one JSON object.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

if __name__ == "__main__":
    # Started as a file, Python would look for modules beside it and not above.
    sys.path[0] = str(Path(__file__).parents[1])

from pyspark.sql import SparkSession

from expectations.places import folder
from expectations.replay import AskedWrongly
from spark_apps.audit.elsewhere import tallies_in
from spark_apps.cluster_check import CheckFailed
from spark_apps.continuous import TopicMissing, carry
from spark_apps.gold.counts import counts
from spark_apps.gold.gaps import answers
from spark_apps.job_guard import (
    CONNECT_CLIENT,
    SUBMITTED_JOB,
    Busy,
    end_with_airflow,
    hold_lock,
)
from spark_apps.jobs import UPKEEP, Report, app_of, step, turn_of
from spark_apps.lane import Ungated
from spark_apps.rebuild import asked as rebuilding
from spark_apps.rebuild.asked import RebuildRefused
from spark_apps.recovery import command as recovery
from spark_apps.recovery.backup import BackupDamaged
from spark_apps.recovery.database import DatabaseFailed
from spark_apps.recovery.restore import NotRestored
from spark_apps.registry import RegistryUnreachable
from spark_apps.relocation import MoveRefused, move
from spark_apps.replay import command as letters
from spark_apps.replay.today import NotThere
from spark_apps.session import conf
from spark_apps.settings import Settings, Storage
from spark_apps.stale import CheckpointOld
from spark_apps.streams import HistoryGone, NotPrimed
from spark_apps.tables import TableDiffers
from spark_apps.upkeep.keep import KeepRefused
from spark_apps.upkeep.orphans import AgeRefused
from spark_apps.upkeep.utc import NotUtc

ENDLESS = ("bronze.trades", "silver.dead_letters")
"""The apps that one continuous driver runs for each of its exchanges."""
SUBMITTED = "PYSPARK_GATEWAY_PORT"
"""What spark-submit says to a Python program, and nobody else does."""
REFUSED = 2
"""Exit code where another try would be refused as well."""
PATIENCE = timedelta(minutes=2)
"""How long a job waits for its turn: a rebuild takes it for a day at a time."""
TOLD = (
    AgeRefused,
    AskedWrongly,
    BackupDamaged,
    Busy,
    CheckFailed,
    CheckpointOld,
    ConnectionError,
    DatabaseFailed,
    FileNotFoundError,
    HistoryGone,
    KeepRefused,
    LookupError,
    MoveRefused,
    NotPrimed,
    NotThere,
    NotUtc,
    NotRestored,
    RebuildRefused,
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
        if asked.app == "restore":
            return recovery.restore(settings, os.environ, asked.backup, asked.yes)
        if asked.app == "backup":
            print(json.dumps(recovery.backup(settings, os.environ)), flush=True)
            return 0
        submitted = asked.app == "rebuild" and SUBMITTED in os.environ
        report = (in_own_driver if submitted else over_connect)(asked, settings)
        print(json.dumps(report), flush=True)
        return told_of(report)
    except TOLD as error:
        lacking = "see .env.example: " if type(error) is KeyError else ""
        # A restore speaks with a person; its stderr has what Spark says.
        where = sys.stdout if asked.app == "restore" else sys.stderr
        print(f"{lacking}{type(error).__name__}: {error}", file=where)
        return REFUSED if isinstance(error, RebuildRefused) else 1


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
    apps.add_parser("gold.candles")
    ledger = apps.add_parser("gold.gaps")
    ledger.add_argument("--answers", type=answers, default=(), metavar="JSON")
    counting = apps.add_parser("gold.counts")
    counting.add_argument("--counts", type=counts, default=(), metavar="JSON")
    letters.arguments(apps.add_parser("silver.replays"))
    rebuilding.arguments(apps.add_parser("rebuild"))
    audit = apps.add_parser("audit")
    audit.add_argument("--from", dest="first", default="", metavar="DAY")
    audit.add_argument("--to", dest="last", default="", metavar="DAY")
    audit.add_argument("--archive", type=tallies_in, default={}, metavar="FILE")
    apps.add_parser("silver.trades").add_argument("exchange")
    gold = apps.add_parser("gold.trades")
    gold.add_argument("exchange")
    gold.add_argument("--gated", type=int, required=True)
    gold.add_argument("--refused", type=int, default=0, help="rows that a person did")
    for name in UPKEEP:
        apps.add_parser(name).add_argument("tables", nargs="*", metavar="TABLE")
    apps.choices["orphans"].add_argument("--delete", action="store_true")
    apps.add_parser("backup")
    restore = apps.add_parser("restore")
    restore.add_argument("--from", dest="backup", default="", metavar="BACKUP")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def told_of(report: Report) -> int:
    """Name what failed in a report that tells of several tables; 1 if anything did."""
    match report.get("failed"):
        case dict() as failed if failed:
            for name, why in failed.items():
                print(f"{name}: {why}", file=sys.stderr)
            return 1
    return 0


def without_end(exchanges: Sequence[str], settings: Settings) -> None:
    """Run the continuous apps in this driver until one fails."""
    spark = SparkSession.builder.getOrCreate()
    apps = [app_of(address) for address in ENDLESS]
    held = [hold_lock(settings.locks, f"bronze.trades.{each}") for each in exchanges]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        carry(spark, apps, exchanges, settings)
    finally:
        spark.stop()
        for lock in held:
            os.close(lock)


def in_own_driver(asked: argparse.Namespace, settings: Settings) -> Report:
    """Run one step in the driver that spark-submit has begun for it."""
    if settings.airflow:
        end_with_airflow(SUBMITTED_JOB)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lock = hold_lock(settings.locks, turn_of(asked))
    spark = SparkSession.builder.getOrCreate()
    try:
        return step(asked, os.environ)(spark, settings)
    finally:
        spark.stop()
        os.close(lock)


def over_connect(asked: argparse.Namespace, settings: Settings) -> Report:
    """Run one step in the session of its turn; leave nothing running behind."""
    # Nothing of Connect is loaded by the continuous driver.
    from spark_apps.writer_session import open_writer

    turn = turn_of(asked)
    if settings.airflow:
        end_with_airflow(CONNECT_CLIENT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lock = hold_lock(settings.locks, turn, PATIENCE)
    # Spark's functions make expressions for a server then, and not for a JVM at hand.
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    spark = open_writer(settings.connect_host, settings.connect_port, turn)
    try:
        return step(asked, os.environ)(spark, settings)
    finally:
        # The server would go on without us.
        spark.interruptAll()
        os.close(lock)


if __name__ == "__main__":
    # The module's other name: what is pickled for the server must not be `__main__`.
    from spark_apps import run

    sys.exit(run.main(sys.argv[1:]))
