"""What the stack uses: memory and processor, summed over all of its processes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack.place import Place
from stack.processes import belonging

MB = 1024**2


def memory_mb(pid: int) -> float:
    """Return a process's proportional share of memory, or what it has resident.

    Shared pages are divided among those who share them, so that shares add up.
    """
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        return float(psutil.Process(pid).memory_info().rss) / MB
    except (OSError, psutil.Error):
        return 0.0


def tree_mb(pid: int) -> float:
    """Return the memory of a process and of all that it started."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return 0.0
    return memory_mb(pid) + sum(memory_mb(child.pid) for child in children)


def whole_mb(place: Place) -> float:
    """Return the memory of every process of this home."""
    return sum(memory_mb(process.pid) for process in belonging(place))


@dataclass(frozen=True, slots=True)
class Spent:
    """The processor seconds of a process, and of its children that have ended."""

    parent: int
    own: float
    ended: float


def cores(place: Place, seconds: float = 1.0) -> float:
    """Return how many processor cores the stack kept busy for some seconds."""
    before, began = spent(place), time.monotonic()
    time.sleep(seconds)
    return between(before, spent(place)) / (time.monotonic() - began)


def spent(place: Place) -> dict[int, Spent]:
    """Return what each process of this home has used since it began, by pid."""
    found = {}
    for process in belonging(place):
        try:
            times = process.cpu_times()
            found[process.pid] = Spent(
                process.ppid(),
                times.user + times.system,
                times.children_user + times.children_system,
            )
        except psutil.Error:
            continue
    return found


def between(before: Mapping[int, Spent], after: Mapping[int, Spent]) -> float:
    """Return the processor seconds from one moment to another.

    Lane tasks live for seconds: what they used counts with the parent that waited for
    them, but for what they had used before.
    """
    total = 0.0
    for pid, now in after.items():
        then = before.get(pid, Spent(now.parent, 0.0, 0.0))
        gone = sum(
            was.own + was.ended
            for other, was in before.items()
            if was.parent == pid and other not in after
        )
        total += now.own - then.own + max(now.ended - then.ended - gone, 0.0)
    return total
