"""Tries a backup: `python -m spark_apps.recovery.drill [--from BACKUP]`.

What was found is printed for people, then as one line of JSON. The exit code is 0
whenever it could be judged, whatever the verdict.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence

from spark_apps.job_guard import CONNECT_CLIENT, Busy, end_with_airflow, hold_lock
from spark_apps.recovery.database import DatabaseFailed
from spark_apps.recovery.drill.broker import BrokerAway
from spark_apps.recovery.drill.drill import drill
from spark_apps.recovery.drill.objects import StoreAway
from spark_apps.recovery.drill.report import keep, told
from spark_apps.recovery.settings import Backups
from spark_apps.settings import Settings
from spark_apps.upkeep.keep import Keep, KeepRefused


def main(words: Sequence[str]) -> int:
    """Drill as the words ask; return the exit code."""
    parser = argparse.ArgumentParser(prog="spark_apps.recovery.drill")
    parser.add_argument("--from", dest="backup", default="", metavar="BACKUP")
    chosen = parser.parse_args(words).backup
    settings, asked = Settings.read(os.environ), Backups.read(os.environ)
    if settings.airflow:
        end_with_airflow(CONNECT_CLIENT)
    # What was restored is removed then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        lock = hold_lock(settings.locks, "drill")
        try:
            keeps = Keep.read(os.environ)
            report = drill(settings, asked, keeps, os.environ, chosen)
            keep(asked.folder, report)
        finally:
            os.close(lock)
    except (BrokerAway, Busy, DatabaseFailed, KeepRefused, StoreAway) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(told(report))
    print(json.dumps(report), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
