"""One command at a time changes a home; another one is told so, and by whom."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from stack.place import Place
from stack.steps import StepFailed


@contextmanager
def turn(place: Place) -> Iterator[None]:
    """Hold the home's lock until the block ends; the kernel frees it if we die.

    Raises:
        StepFailed: another command holds it; the message names its process.
    """
    place.home.mkdir(parents=True, exist_ok=True)
    path = place.home / "command.lock"
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(lock, 20).decode() or "unknown"
            raise StepFailed(
                f"another ./bullion command is at work on {place.home} (process "
                f"{holder}): wait until it has ended, or end it with `kill {holder}`, "
                "then run this again"
            ) from error
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        yield
    finally:
        os.close(lock)
