"""One whole laptop stack in a home of its own, driven only by `./bullion`."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from pyiceberg.catalog import Catalog

from query.catalog import open_catalog
from query.reading.lake import Lake
from query.settings import Settings
from query.show import answered, plain
from schemas.exchange import exchanges_in
from schemas.table import ROOT
from stack.place import Place
from stack.settings import environment
from tests.laptop.ports import free_ports


class Laptop:
    """A stack with its own home, ports and feed; packages and jars are shared."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        for shared in ("envs", "jars", "java"):
            link = home / shared
            if not link.exists() and (ROOT / ".bullion").resolve() != home.resolve():
                link.symlink_to(ROOT / ".bullion" / shared)
        self.home = home
        self.ports = free_ports()
        self.env = (
            {k: v for k, v in os.environ.items() if not k.startswith("BULLION_")}
            | {"BULLION_HOME": str(home)}
            | {f"BULLION_PORT_{name}": str(port) for name, port in self.ports.items()}
            | dict(settings or {})
        )

    def run(self, *words: str, timeout: float = 600, check: bool = True) -> str:
        """Return what `./bullion WORDS` prints; a failure shows all of it."""
        done = subprocess.run(
            [str(ROOT / "bullion"), *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, (
            f"./bullion {' '.join(words)} ended with {done.returncode}\n"
            f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
        return done.stdout

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query over the newest snapshots, decimals as text.

        In this process: tests ask every few seconds, and a command a question would
        take from the stack the processor that it is measured with.
        """
        with Lake(self.settings, self.catalog) as lake:
            names, rows = lake.read(query, answered)
        return [dict(zip(names, map(plain, row), strict=True)) for row in rows]

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The exchanges that this stack captures."""
        return exchanges_in(self.env)

    @cached_property
    def place(self) -> Place:
        return Place.read(self.env)

    @cached_property
    def settings(self) -> Settings:
        return Settings.read(environment(self.place))

    @cached_property
    def catalog(self) -> Catalog:
        return open_catalog(self.settings)

    def one(self, query: str) -> Any:
        """Return the only value of a query."""
        (row,) = self.sql(query)
        (value,) = row.values()
        return value

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.run("status", "--json"))
        return told

    def control(self, path: str, body: object | None = None) -> bytes:
        """Ask the simulator's control endpoint; POST where there is a body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['SIMULATOR']}/control/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said: bytes = answer.read()
            return said

    def processes(self) -> dict[int, str]:
        """Return pid and command line of each process that belongs to this home."""
        mark = f"BULLION_STACK={self.home}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(folder.name)] = words.decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        found.pop(os.getpid(), None)
        return {pid: words for pid, words in found.items() if words}

    def addresses(self) -> set[tuple[str, str]]:
        """Return program and address of each socket that this home listens on."""
        held = set()
        for pid, words in self.processes().items():
            try:
                connections = psutil.Process(pid).net_connections("inet")
            except (
                psutil.NoSuchProcess
            ):  # it has ended since it was listed, and its sockets too
                continue
            program = words.split("/")[-1][:60]
            held |= {
                (program, connection.laddr.ip.removeprefix("::ffff:"))
                for connection in connections
                if connection.status == psutil.CONN_LISTEN
            }
        return held

    def listening(self) -> set[str]:
        """Return the names of the ports on which somebody answers."""
        open_ports = set()
        for name, port in self.ports.items():
            with closing(socket.socket()) as one:
                one.settimeout(1)
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    open_ports.add(name)
        return open_ports


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def eventually(
    holds: Callable[[], bool], what: str, within: float = 300, every: float = 3
) -> float:
    """Return the seconds until it held.

    Raises:
        AssertionError: it never held; the bound is there so that CI ends.
    """
    began = time.monotonic()
    while not holds():
        waited = time.monotonic() - began
        assert waited < within, f"not within {within:.0f} s: {what}"
        time.sleep(every)
    return time.monotonic() - began
