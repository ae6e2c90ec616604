"""`backup` and `restore` as commands: settings in, words for a person out."""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_apps.job_guard import hold_lock
from spark_apps.recovery.backup import Backup, all_backups, forget, opened, take
from spark_apps.recovery.restore import NotRestored, carry_out, plan, told
from spark_apps.recovery.settings import Backups
from spark_apps.settings import Settings

DECLINED = 3
"""Exit code of a restore to which the person said no."""


def backup(settings: Settings, env: Mapping[str, str]) -> Mapping[str, Any]:
    """Take a backup, forget old ones, and return a report."""
    asked, now = Backups.read(env), datetime.now(UTC)
    lock = hold_lock(settings.locks, "backup")
    try:
        manifest = take(
            settings.checkpoints, asked.catalog, asked.registry, asked.folder, now
        )
        gone = forget(asked.folder, asked.kept_for, now)
    finally:
        os.close(lock)
    return {
        "backup": manifest["folder"],
        "tables": len(manifest["tables"]),
        "checkpoints": len(manifest["streams"]),
        "bytes": sum(each["bytes"] for each in manifest["files"].values()),
        "forgotten": [each.name for each in gone],
    }


def restore(settings: Settings, env: Mapping[str, str], chosen: str, sure: bool) -> int:
    """Find what is lost, say what will be done, ask, and do it; return the exit code.

    Raises:
        NotRestored: something cannot be restored; the message says what.
    """
    asked, checkpoints = Backups.read(env), settings.checkpoints
    if not isinstance(checkpoints, Path):
        raise NotRestored(
            f"checkpoints are made again on a disk, not in {checkpoints}: ./bullion "
            "restore brings them there first; elsewhere, use move-checkpoints"
        )
    found = pick(asked.folder, chosen)
    say(
        f"from the backup of {found.taken_at:%Y-%m-%d %H:%M:%S} UTC, and all since"
        if found
        else f"no backup in {asked.folder}: from the tables' files alone"
    )
    say("starting Spark ...")
    spark = session()
    try:
        todo = plan(spark, checkpoints, asked.registry, found, say)
        say("\nThis will be done:")
        for line in told(todo):
            say(f"  {line}")
        if not sure and not agreed():
            say("nothing was done")
            return DECLINED
        say("")
        done = carry_out(spark, todo, asked, checkpoints, found, say)
    finally:
        spark.stop()
    say(f"\n{len(done)} things were restored:" if done else "\nnothing was lost")
    for line in done:
        say(f"  {line}")
    return 0


def pick(folder: Path, chosen: str) -> Backup | None:
    """Return the backup that was asked for, or the newest; None if there is none.

    Raises:
        BackupDamaged: it is not whole.
        FileNotFoundError: none has that name; the message lists those there are.
    """
    there = all_backups(folder)
    if not chosen:
        return opened(there[0]) if there else None
    for path in (Path(chosen), folder / chosen):
        if path.is_dir():
            return opened(path)
    names = ", ".join(each.name for each in there) or "none"
    raise FileNotFoundError(f"no backup {chosen}; there are: {names}")


def session() -> SparkSession:
    """Return a Spark of our own: the lanes' server must not run meanwhile.

    It is set up by spark-defaults.conf, in SPARK_CONF_DIR: words of a command line can
    be seen by everybody, and there are passwords among them.
    """
    builder = SparkSession.builder.appName("restore")
    return builder.config("spark.ui.enabled", "false").getOrCreate()


def agreed() -> bool:
    say("\nType yes to go on: ", end="")
    return sys.stdin.readline().strip() == "yes"


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)
