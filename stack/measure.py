"""What the stack uses: memory and processor, summed over all of its processes."""

import time
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


def cores(place: Place, seconds: float = 1.0) -> float:
    """Return how many processor cores the stack kept busy for some seconds."""
    before, began = used(place), time.monotonic()
    time.sleep(seconds)
    return max(used(place) - before, 0.0) / (time.monotonic() - began)


def used(place: Place) -> float:
    """Return the processor seconds of this home since it started.

    A process that ended has left its seconds with the parent that waited for it: lane
    tasks live for seconds, and would be missed otherwise.
    """
    total = 0.0
    for process in belonging(place):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
        total += times.children_user + times.children_system
    return total
