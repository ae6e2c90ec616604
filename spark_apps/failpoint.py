"""Ends the driver at one named point of a batch, to see what is left of it then."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spark_apps.landing import on_it_goes
from spark_apps.warm_start import STARTER


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Kills the JVM that runs this batch, and this process, at one point.

    Over Connect a batch runs in a Python process that the server started, or that a
    warm one forked for what the server started; in a driver of its own the JVM is below
    the Python process. Neither has time to say or note anything.
    """

    point: str
    """Such as `after silver.trades`; see the landings for all of them."""

    def __call__(self, reached: str) -> None:
        """Return, or never."""
        if reached != self.point:
            return
        started = int(os.environ.get(STARTER, os.getpid()))
        for pid in (*_above(started), *_below(os.getpid())):
            if _name(pid) == "java":
                os.kill(pid, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def ordered(folder: Path, app: str) -> Callable[[str], None]:
    """Return what a run tells of the points that it passes; an order is taken once."""
    try:
        point = (folder / f"failpoint.{app}").read_text()
    except FileNotFoundError:
        return on_it_goes
    (folder / f"failpoint.{app}").unlink()
    return Failpoint(point)


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _parent(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rsplit(")", 1)[1].split()[1])


def _above(pid: int) -> list[int]:
    """Return the ancestors up to the nearest JVM: what started that is not ours."""
    found = []
    while pid > 1:
        pid = _parent(pid)
        found.append(pid)
        if pid < 1 or _name(pid) == "java":
            break
    return found


def _below(pid: int) -> list[int]:
    everyone = [int(each.name) for each in Path("/proc").glob("[0-9]*")]
    found = []
    for each in everyone:
        try:
            if _parent(each) == pid:
                found.append(each)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return found
