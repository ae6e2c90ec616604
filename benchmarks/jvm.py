"""What a JVM at work says of itself, asked as `jcmd` asks, which a runtime lacks."""

import os
import re
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

HELD = re.compile(r"^\s*\d+:\s+\d+\s+(\d+)\s+(\S+)", re.MULTILINE)
USED = re.compile(r"^\s*(.+?)\s+(?:total \d+K, )?used (\d+)K", re.MULTILINE)


class NoAnswer(Exception):
    """The process does not listen: it is no JVM, or another user's."""


def ask(pid: int, command: str) -> str:
    """Return the answer to a diagnostic command such as `GC.heap_info`.

    As HotSpot's attach protocol has it: a file and a SIGQUIT ask it to listen at a
    socket of its own, where words end with a zero byte.

    Raises:
        NoAnswer: nothing listens after seconds.
    """
    at = Path(f"/proc/{pid}/root/tmp/.java_pid{pid}")
    if not at.exists():
        asking = Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
        asking.touch()
        try:
            os.kill(pid, signal.SIGQUIT)
            for _ in range(100):
                if at.exists():
                    break
                time.sleep(0.1)
            else:
                raise NoAnswer(f"process {pid} does not answer: is it a JVM of ours?")
        finally:
            asking.unlink()
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(at))
        line.sendall(
            b"".join(w.encode() + b"\0" for w in ("1", "jcmd", command, "", ""))
        )
        return b"".join(iter(lambda: line.recv(65536), b"")).decode()


def memory(pid: int) -> Mapping[str, float]:
    """Return what a JVM holds after a full collection, in MB."""
    ask(pid, "GC.run")
    used = {name: int(size) / 1024 for name, size in USED.findall(heap(pid))}
    classes = used.pop("Metaspace")
    used.pop("class space", None)
    return {
        "heap": sum(used.values()),
        "classes": classes,
        "resident": psutil.Process(pid).memory_info().rss / 1024**2,
    }


def classes(pid: int) -> Mapping[str, float]:
    """Return what the instances of each class hold after a full collection, in MB."""
    told: dict[str, float] = {}
    for held, name in HELD.findall(ask(pid, "GC.class_histogram")):
        # Lambdas and the like have a number of their own in each driver.
        name = re.sub(r"(\$\$Lambda|0x)\S*", r"\1", name)
        told[name] = told.get(name, 0) + int(held) / 1024**2
    return told


def heap(pid: int) -> str:
    """Return the generations' totals, without the lines of their parts."""
    told = ask(pid, "GC.heap_info").splitlines()
    return "\n".join(line for line in told if "used" in line and "%" not in line)
