"""One connection after another, and none is left before the next one speaks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
from aiohttp import ClientError

from ingestion.catalogue import sleep_unless
from ingestion.exchange import StreamBroken

log = structlog.get_logger()
ENDED = (StreamBroken, ClientError, OSError, TimeoutError)
"""What ends a connection, and is followed by the next."""
HEARD_WITHIN = timedelta(seconds=15)
"""After which a new connection of quiet symbols is taken for sound."""


Because = Literal["start", "closed", "silence", "stall", "notice", "age"]
"""Why a connection was opened: capture began, or what was wrong with the last one."""


@dataclass(slots=True, eq=False)
class Reading:
    """One connection while it is read."""

    because: Because = "start"
    opened: str = ""
    """When it was opened (UTC): what tells it from another."""
    opened_at: datetime = datetime.max.replace(tzinfo=UTC)
    """The same as a time; before it is open, later than any trade."""
    rejected: int = 0
    """Frames of it that nobody could read."""
    name: str = ""
    """What a trade says of the connection by which it came, in three words.

    Two trades between which ids are missing tell by it what was in between: another
    connection, frames that nobody could read, or nothing at all.
    """
    why: Because = "closed"
    """Why the next one is opened."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """It has brought a frame."""
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """It will end, or is of no use any more: the next one is to be opened."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """It is to be closed; what it has received is still published."""

    def end(self, why: Because) -> None:
        """Have the next one opened, and this one left."""
        self.why = why
        self.ending.set()

    def open(self, at: datetime) -> None:
        """Note when it was opened."""
        self.opened_at = at
        self.opened = f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"
        self._rename()

    def reject(self) -> None:
        """Note a frame that nobody could read."""
        self.rejected += 1
        self._rename()

    def _rename(self) -> None:
        self.name = f"{self.opened} {self.because} {self.rejected}"


@dataclass(slots=True, kw_only=True)
class Relay:
    """Keeps some symbols read for ever, over as many connections as it takes.

    One that gives notice, grows old or stalls is read on until its successor has
    brought a frame, and for a moment longer: what both bring has the same id.
    """

    name: str
    read: Callable[[Reading], Awaitable[None]]
    """Opens a connection and reads it to its end; raises what ended it."""
    waits: Callable[[], Iterator[float]]
    """Seconds between attempts, from the first on."""
    settled: timedelta
    """How long a connection must have held for its end to be another trouble."""
    overlap: timedelta
    """How long both are read."""
    current: Reading = field(default_factory=Reading)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`.

        Raises:
            Whatever `read` raises that ends no connection.
        """
        clock = asyncio.get_running_loop().time
        waits, old, new = self.waits(), None, Reading()
        tasks: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                began = clock()
                self.current = new
                reading = asyncio.create_task(self._read(new))
                tasks.add(reading)
                await first(reading, new.heard, within=HEARD_WITHIN)
                if old and not reading.done():
                    await first(reading, stop, within=self.overlap)
                    if not reading.done():
                        old.left.set()
                        old = None
                await first(reading, new.ending)
                if not reading.done():
                    old = new
                self._gather(tasks)
                held = timedelta(seconds=clock() - began)
                if held > self.settled:
                    waits = self.waits()
                # One that was never open leaves what was wrong before it.
                new = Reading(because=new.why if new.opened else new.because)
                if held > self.settled and not reading.done():
                    # The next one is opened at once: this one is still read.
                    continue
                if not stop.is_set():
                    wait = next(waits)
                    log.info("reconnecting", exchange=self.name, in_s=f"{wait:.1f}")
                    await sleep_unless(stop, wait)
            # Each closes at `stop`; what it has received by then is published.
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, reading: Reading) -> None:
        try:
            await self.read(reading)
        except ENDED as why:
            log.warning("stream_broken", exchange=self.name, why=str(why))

    def _gather(self, tasks: set[asyncio.Task[None]]) -> None:
        """Forget the connections that have ended.

        Raises:
            Whatever one of them raised that ends more than a connection.
        """
        for task in [task for task in tasks if task.done()]:
            tasks.discard(task)
            task.result()


async def first(
    *waited: "asyncio.Event | asyncio.Task[None]", within: timedelta | None = None
) -> None:
    """Return as soon as one event is set or one task has ended, or time is up."""
    tasks = {
        each if isinstance(each, asyncio.Task) else asyncio.create_task(_set(each))
        for each in waited
    }
    await asyncio.wait(
        tasks,
        timeout=within.total_seconds() if within else None,
        return_when=asyncio.FIRST_COMPLETED,
    )
    for task in tasks - set(waited):
        task.cancel()


async def _set(event: asyncio.Event) -> None:
    await event.wait()
