"""A few of a laptop's programs without a supervisor: the test starts and ends them."""

import json
import resource
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from stack import files, steps
from stack.processes import end_leftovers
from stack.programs import Program, programs
from stack.secrets import kept
from stack.settings import environment
from stack.when_ready import answers
from tests.stack.laptop import Laptop, eventually

NO_MORE = 1
"""Bytes beyond which no file may grow: what a program has written stays."""


class Few:
    """The broker, the registry, a simulator and captures, as the laptop starts them."""

    def __init__(self, home: Path, rate: int, settings: Mapping[str, str]) -> None:
        self.laptop = Laptop(home, settings)
        self.place = self.laptop.place
        feed = {"feed": "simulated", "rate": str(rate)}
        (self.place.home / "feed.json").write_text(json.dumps(feed))
        files.write_all(self.place)
        self.env = environment(self.place)
        self._named = {program.name: program for program in programs(self.place)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a program; `answering` waits for it."""
        program = self._named[name]
        with self.log_file(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                program.command,
                env={**self.env, **self._own(program)},
                cwd=program.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def _own(self, program: Program) -> dict[str, str]:
        secrets = kept(self.place)
        return {
            name: secrets[value[1:]] if value.startswith("@") else value
            for name, value in program.env
        }

    def answering(self, *names: str) -> None:
        """Wait until these programs do their work."""
        for name in names:
            probe = self._named[name].ready
            eventually(lambda: answers(probe), f"{name} answers", 120, every=0.1)

    def stop(self, name: str) -> int:
        """End a program as the supervisor would; return its exit code."""
        number = getattr(signal, f"SIG{self._named[name].stop_signal}")
        self._running[name].send_signal(number)
        return self.ended(name)

    def ended(self, name: str) -> int:
        """Return the exit code of a program that ends by itself."""
        return self._running[name].wait(60)

    def runs(self, name: str) -> bool:
        return self._running[name].poll() is None

    def send(self, name: str, number: signal.Signals) -> None:
        self._running[name].send_signal(number)

    def fill_disk(self, name: str) -> None:
        """Let no file of a running program grow any more, as where its disk is full.

        Writing fails with EFBIG in place of ENOSPC: another number of the same error.
        """
        limit = (NO_MORE, resource.RLIM_INFINITY)
        psutil.Process(self._running[name].pid).rlimit(psutil.RLIMIT_FSIZE, limit)

    def memory(self, name: str) -> int:
        """Return a program's resident memory, in bytes."""
        return int(psutil.Process(self._running[name].pid).memory_info().rss)

    def log_file(self, name: str) -> Path:
        return self.place.logs / f"{name}.log"

    def log(self, name: str, after: int = 0) -> str:
        """Return what a program has said, or only what came after so many letters."""
        return self.log_file(name).read_text(errors="replace")[after:]

    def ingestion(self, *words: str) -> str:
        """Return what `python -m ingestion WORDS` printed."""
        python = str(self.place.python("spark"))
        return steps.said(self.place, (python, "-m", "ingestion", *words), self.env)

    def end(self) -> None:
        """End what runs."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        end_leftovers(self.place)


@contextmanager
def few(home: Path, rate: int, settings: Mapping[str, str]) -> Iterator[Few]:
    """Give programs that can be started, their folders made; end what runs.

    The simulated feed issues `rate` trades a second.
    """
    started = Few(home, rate, settings)
    try:
        steps.format_kafka(started.place, started.env)
        steps.init_postgres(started.place, started.env)
        yield started
    finally:
        started.end()
