"""Starts a program once what it needs answers.

    python -m stack.when_ready NAME PROBE... -- PROGRAM...

A probe is `tcp:PORT`, `http:URL`, `file:PATH`, `postgres:PORT/FOLDER` (the server there
takes queries, says `pg_isready` of that folder), `workers:PORT` (the Spark master there
has a worker) or `app:PORT/NAME` (it lets that application work). supervisord orders
starts but waits for nothing, so each program waits for itself, at the first start and
at each restart.
It also ends what its last life left: of a killed program only the process dies that
supervisord knows, and its children would work on beside the new one. What that life
left in its TMPDIR goes too.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def answers(probe: str) -> bool:
    """Return whether what the probe names is there now."""
    kind, _, where = probe.partition(":")
    match kind:
        case "tcp":
            with socket.socket() as one:
                one.settimeout(1)
                return one.connect_ex(("127.0.0.1", int(where))) == 0
        case "http":
            try:
                with urllib.request.urlopen(where, timeout=5) as answer:
                    return bool(answer.status < 400)
            except (urllib.error.URLError, OSError):
                return False
        case "file":
            return Path(where).exists()
        case "postgres":
            port, _, folder = where.partition("/")
            asked = (f"/{folder}/pg_isready", "-q", "-h", "127.0.0.1", "-p", port)
            return subprocess.run(asked).returncode == 0
        case "workers":
            workers = cluster(where).get("workers", [])
            return any(each["state"] == "ALIVE" for each in workers)
        case "app":
            port, _, name = where.partition("/")
            apps = cluster(port).get("activeapps", [])
            # An application that waits for executors is called WAITING.
            return any((a["name"], a["state"]) == (name, "RUNNING") for a in apps)
    raise ValueError(f"no such probe: {probe!r}")


def cluster(port: str) -> dict[str, list[dict[str, object]]]:
    """Return what a Spark master says of itself; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/", timeout=5) as it:
            told: dict[str, list[dict[str, object]]] = json.load(it)
            return told
    except (OSError, ValueError):
        return {}


def end_last_life(name: str, home: Path) -> None:
    """End the process group in which the program of that name ran before."""
    file = home / "run" / f"{name}.group"
    group = int(file.read_text()) if file.exists() else 0
    while left := [pid for pid in members(group, home) if pid != os.getpid()]:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    # supervisord gives each program a group of its own.
    file.write_text(str(os.getpgrp()))


def members(group: int, home: Path) -> list[int]:
    """Return who is in the group, if it is still one of this home.

    The number of a group that ended may be another program's by now.
    """
    mark = f"BULLION_STACK={home}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(folder.name)) == group:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


def fresh(scratch: Path) -> dict[str, str]:
    """Empty the folder of a program's temporary files; return who reads its name."""
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True, mode=0o700)
    return {"TMPDIR": str(scratch), "SPARK_LOCAL_DIRS": str(scratch)}


def main(words: Sequence[str]) -> None:
    """Wait for the probes, then become the program."""
    split = words.index("--")
    end_last_life(words[0], Path(os.environ["BULLION_STACK"]))
    os.environ.update(fresh(Path(os.environ["BULLION_SCRATCH"]) / words[0]))
    for probe in words[1:split]:
        while not answers(probe):
            time.sleep(0.5)
    program = words[split + 1 :]
    os.execvp(program[0], list(program))


if __name__ == "__main__":
    main(sys.argv[1:])
