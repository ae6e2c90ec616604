"""A process of the bench: on cores of its own, heard line by line, and metered."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from schemas.table import ROOT

PINNED = (
    "import os, sys; os.sched_setaffinity(0, {int(c) for c in"
    " sys.argv[1].split(',')}); os.execv(sys.argv[2], sys.argv[2:])"
)
PATIENCE = 60.0
"""Seconds in which something must have been heard."""


class ChildFailed(Exception):
    """A process ended, or said nothing for too long; the message has its last words."""


class Child:
    """One process, and the latest of what it told."""

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        cores: Iterable[int],
        folder: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.heard: dict[str, float | str] = {}
        self.log = folder / f"{name}.log"
        around = {k: v for k, v in os.environ.items() if k[:8] != "BULLION_"}
        around |= {"PYTHONPATH": str(ROOT), "TZ": "UTC"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", PINNED, ",".join(map(str, cores)), *words],
            env=around | (env or {}),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
            text=True,
        )
        self.meter = psutil.Process(self._process.pid)
        assert self._process.stdout
        threading.Thread(
            target=self._hear, args=(self._process.stdout,), daemon=True
        ).start()

    def _hear(self, lines: IO[str]) -> None:
        for line in lines:
            if line.startswith("{"):
                self.heard |= json.loads(line)

    def cpu(self) -> float:
        """Return the core seconds that it has used."""
        spent = self.meter.cpu_times()
        return float(spent.user + spent.system)

    def resident(self) -> float:
        """Return its memory in MB."""
        return float(self.meter.memory_info().rss) / 1e6

    def wait(self, word: str) -> str:
        """Return what it told by this word, once it has.

        Raises:
            ChildFailed: it ended, or was silent for too long.
        """
        wait_until(lambda: word in self.heard, [self])
        return str(self.heard[word])

    def hold(self) -> None:
        """Do nothing while it runs.

        Raises:
            ChildFailed: it ended with an error.
        """
        if self._process.poll():
            raise ChildFailed(f"{self.name} ended:\n{self.last_words()}")

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def end(self, kindly: bool = True) -> None:
        """End it by the end of its input, or by SIGTERM; then by force."""
        assert self._process.stdin
        if self._process.poll() is None and not kindly:
            self._process.send_signal(signal.SIGTERM)
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_until(
    done: Callable[[], bool],
    children: Sequence[Child],
    moved: Callable[[], object] = lambda: None,
) -> None:
    """Wait; `moved` returns what changes as long as there is any progress.

    Raises:
        ChildFailed: one of the children ended, or nothing moved for too long.
    """
    seen, until = moved(), time.monotonic() + PATIENCE
    while not done():
        for child in children:
            child.hold()
        if (now := moved()) != seen:
            seen, until = now, time.monotonic() + PATIENCE
        if time.monotonic() > until:
            told = "\n".join(f"{c.name}: {c.heard}\n{c.last_words()}" for c in children)
            raise ChildFailed(f"nothing moved for {PATIENCE:.0f} s:\n{told}")
        time.sleep(0.01)
