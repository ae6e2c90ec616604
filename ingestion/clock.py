"""How far an exchange's clock is from ours, by its REST."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Self

import httpx
import structlog

from ingestion.exchange import AskedTooOften, Clock, ClockUnreadable
from ingestion.line import Line, Reply, Unanswered

log = structlog.get_logger()
ALLOWED = 1.0
"""Seconds that the clocks may differ before a person is told."""
FINE = 0.25
"""Uncertainty, in seconds, at which an offset is known well enough."""
QUESTIONS = 4
"""Asked at most, one after another, to know it so well."""
ELSEWHERE = 1.29
"""Steps of the exchange's clock between two questions: no two meet it alike."""


@dataclass(frozen=True, slots=True)
class Offset:
    """Seconds by which the exchange's clock is ahead of ours: at least and at most."""

    least: float
    most: float

    @property
    def middle(self) -> float:
        """The best guess: as if both ways took as long."""
        return (self.least + self.most) / 2

    @property
    def uncertainty(self) -> float:
        """How far the guess may be off; half of the round trip, and of the step."""
        return (self.most - self.least) / 2

    @property
    def beyond(self) -> bool:
        """Whether the clocks surely differ by more than is allowed."""
        return self.least > ALLOWED or self.most < -ALLOWED

    def narrowed(self, by: Self) -> Self:
        """Return what both allow; where they contradict, a clock was just set."""
        least, most = max(self.least, by.least), min(self.most, by.most)
        return by if least > most else type(self)(least, most)


def offset(clock: Clock, reply: Reply) -> Offset:
    """Return between what the offset lies, from one answer.

    The time was told at some moment between the question and the answer.
    """
    told = clock.read(reply.body)
    return Offset(
        (told - reply.came_at).total_seconds(),
        (told + clock.step - reply.asked_at).total_seconds(),
    )


@dataclass(slots=True, kw_only=True)
class ClockWatch:
    """Compares one exchange's clock with ours, now and then."""

    exchange: str
    clock: Clock
    line: Line
    every: timedelta
    offset: Offset | None = None
    """What was found last; `None` before the exchange has told its time."""

    async def watch(self) -> None:
        """Compare, for ever."""
        while True:
            await self.compare()
            await asyncio.sleep(self.every.total_seconds())

    async def compare(self) -> None:
        """Ask until the offset is known well; warn if it is too large."""
        try:
            self.offset = await self._asked()
        except (
            *(Unanswered, AskedTooOften, ClockUnreadable),
            httpx.HTTPError,
        ) as why:
            said = str(why) or type(why).__name__
            log.info("time_not_told", exchange=self.exchange, why=said)
            return
        if self.offset.beyond:
            log.warning(
                "clock_off",
                exchange=self.exchange,
                exchange_ahead_s=round(self.offset.middle, 3),
                give_or_take_s=round(self.offset.uncertainty, 3),
                remedy="set this machine's clock, and keep it set by NTP "
                "(timedatectl set-ntp true): ingestion_timestamp and the rules on "
                "times use it",
            )

    async def _asked(self) -> Offset:
        ask = partial(self.line.ask, self.clock.request, partial(offset, self.clock))
        found = await ask()
        for _ in range(QUESTIONS - 1):
            if found.uncertainty <= FINE:
                break
            await asyncio.sleep(self.clock.step.total_seconds() * ELSEWHERE)
            found = found.narrowed(await ask())
        return found
