"""How often an exchange may be asked, counted for all processes of this machine."""

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from msgspec import DecodeError, Struct, json

from ingestion.exchange import Allowance

LONGEST = 3 * 86_400.0
"""Seconds that an exchange may ban an address for: longer is a clock that jumped."""


class Spent(Struct):
    """What is kept between two questions, whoever asks them."""

    cost: float = 0.0
    """What of it has not drained away yet."""
    at: float = 0.0
    """Unix time of the last question."""
    not_before: float = 0.0
    """Unix time until which the exchange wants to hear nothing."""


@dataclass(frozen=True, slots=True)
class Limiter:
    """A bucket that drains as fast as the allowance grants; a file that is locked."""

    allowance: Allowance
    file: Path

    async def take(self, cost: int) -> None:
        """Return when so much may be asked; it is counted then."""
        while (wait := self.wait_for(cost, time.time())) > 0:
            await asyncio.sleep(min(wait, 5.0))

    def wait_for(self, cost: int, now: float) -> float:
        """Return the seconds to wait; at 0 the cost is counted."""
        with self._kept() as (spent, keep):
            banned = spent.not_before - now
            if 0 < banned <= LONGEST:
                return banned
            rate = self.allowance.cost / self.allowance.per.total_seconds()
            # A clock that went back drains nothing, and holds nobody up.
            left = max(0.0, spent.cost - max(0.0, now - spent.at) * rate)
            over = left + min(cost, self.allowance.cost) - self.allowance.cost
            if over > 0:
                return over / rate
            keep(Spent(left + cost, now))
            return 0.0

    def close(self, seconds: float, now: float) -> None:
        """Let nobody ask for so long."""
        with self._kept() as (spent, keep):
            spent.not_before = max(spent.not_before, now + min(seconds, LONGEST))
            keep(spent)

    @contextmanager
    def _kept(self) -> "Iterator[tuple[Spent, Keep]]":
        self.file.parent.mkdir(parents=True, exist_ok=True)
        place = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(place, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                spent = json.decode(file.read() or b"{}", type=Spent)
            except DecodeError:
                # Written in part by a process that was killed.
                spent = Spent()
            yield spent, Keep(file)


@dataclass(frozen=True, slots=True)
class Keep:
    """Writes what is spent into the locked file."""

    file: IO[bytes]

    def __call__(self, spent: Spent) -> None:
        self.file.seek(0)
        self.file.write(json.encode(spent))
        # Where the disk is full, what was written last stays.
        self.file.flush()
        self.file.truncate()
