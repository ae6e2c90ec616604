"""Keeps a job from meeting its successor, and from outliving its Airflow task."""

import fcntl
import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path

CONNECT_CLIENT = 2
"""Airflow's worker process is this many generations up: task, worker."""


SUBMITTED_JOB = 3
"""The same of a program of spark-submit, which has a JVM in between."""
AT_ONCE = timedelta(0)


class Busy(Exception):
    """Another process is at it: let it finish, or end it."""


def hold_lock(folder: Path, turn: str, patience: timedelta = AT_ONCE) -> int:
    """Take the turn's lock of this host and return its descriptor, to be kept open.

    Raises:
        Busy: another process still holds it after so long; the message says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{turn}.lock"
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    given_up = time.monotonic() + patience.total_seconds()
    while not _taken(lock):
        if time.monotonic() >= given_up:
            holder = os.read(lock, 20).decode() or "unknown"
            os.close(lock)
            raise Busy(f"{turn} is held by process {holder} ({path})")
        time.sleep(0.1)
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end_with_airflow(generations: int, poll_s: float = 1.0) -> None:
    """Send this process SIGTERM once an ancestor is gone; insist after 10 s."""
    family = _ancestors(generations)

    def watch() -> None:
        while _ancestors(generations) == family:
            time.sleep(poll_s)
        # No output: it may go to a pipe that nobody reads, and end this thread.
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        os._exit(75)

    threading.Thread(target=watch, name="end-with-airflow", daemon=True).start()


def _ancestors(generations: int) -> list[int]:
    found = [os.getpid()]
    try:
        for _ in range(generations):
            with open(f"/proc/{found[-1]}/stat") as stat:
                found.append(int(stat.read().rsplit(")", 1)[1].split()[1]))
    except FileNotFoundError:  # shorter than before is different enough
        return found
    return found
