"""An exchange's REST, asked no more often than it likes, by all of us together."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

import httpx

from ingestion.catalogue import is_local
from ingestion.exchange import Allowance, AskedTooOften, Request
from ingestion.limiter import Limiter

Told = TypeVar("Told")
Outcome = Literal["answered", "too_often", "refused", "failed", "unreachable"]
TOO_OFTEN = (418, 429)
"""HTTP's words for us having asked too often, and for having gone on."""
SPARING = Allowance(cost=1, per=timedelta(seconds=1))
"""Of an exchange that does not say how often it may be asked."""
LEFT_ALONE = 60.0
"""Seconds to wait where the exchange does not say how long."""


class Unanswered(Exception):
    """The exchange did not answer this time; the message says what it did."""


@dataclass(slots=True)
class Traffic:
    """What one process asked of an exchange since it began."""

    requests: dict[Outcome, int] = field(default_factory=dict)
    waited: float = 0.0
    """Seconds until the limit let us ask."""

    def count(self, outcome: Outcome) -> None:
        """Count one question."""
        self.requests[outcome] = self.requests.get(outcome, 0) + 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and between which two moments (UTC) it was told."""

    body: bytes
    asked_at: datetime
    came_at: datetime


def uncounted() -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The way to one exchange's REST."""

    url: str
    limiter: Limiter
    client: httpx.AsyncClient
    traffic: Traffic = field(default_factory=Traffic)

    async def ask(
        self,
        request: Request,
        read: Callable[[Reply], Told],
        asked: Callable[[], None] = uncounted,
    ) -> Told:
        """Return what `read` makes of the answer to a question, asked once.

        Raises:
            Unanswered: the exchange wants to be left alone for a while, or it cannot
                be counted that it was asked.
            httpx.HTTPError: it did not answer, or with an error.
            Whatever `read` raises.
        """
        began = time.monotonic()
        await self._count(request.cost)
        self.traffic.waited += time.monotonic() - began
        asked()
        outcome: Outcome = "unreachable"
        asked_at = datetime.now(UTC)
        try:
            answer = await self.client.get(
                self.url + request.path,
                params=dict(request.query),
                headers=dict(request.headers),
            )
            came_at = datetime.now(UTC)
            outcome = outcome_of(answer.status_code)
            self._heed(answer)
            answer.raise_for_status()
            return read(Reply(answer.content, asked_at, came_at))
        except AskedTooOften:
            outcome = "too_often"
            raise
        finally:
            self.traffic.count(outcome)

    async def _count(self, cost: int) -> None:
        """Return when so much may be asked.

        Raises:
            Unanswered: it cannot be counted, as where the disk is full.
        """
        try:
            await self.limiter.take(cost)
        except OSError as error:
            raise Unanswered(
                f"not asked, since {self.limiter.file} cannot be written: {error};"
                " is its disk full?"
            ) from error

    def _heed(self, answer: httpx.Response) -> None:
        """Leave the exchange alone, all of us, for as long as it says.

        Raises:
            Unanswered: it says so.
        """
        if answer.status_code not in TOO_OFTEN:
            return
        said = answer.headers.get("Retry-After", "")
        seconds = float(said) if said.isdecimal() else LEFT_ALONE
        with suppress(OSError):
            # Not noted on a full disk, where nobody asks again before there is room.
            self.limiter.close(seconds, time.time())
        raise Unanswered(
            f"HTTP {answer.status_code}: it is asked too often, and again in "
            f"{seconds:.0f} s at the earliest"
        )


def outcome_of(status: int) -> Outcome:
    """Return what an HTTP status says."""
    if status in TOO_OFTEN:
        return "too_often"
    if status >= 500:
        return "failed"
    return "refused" if status >= 400 else "answered"


@asynccontextmanager
async def line_to(url: str, allowance: Allowance, limits: Path) -> AsyncIterator[Line]:
    """Give the line to an address; `limits` is the exchange's file of what is spent."""
    async with httpx.AsyncClient(timeout=20, trust_env=not is_local(url)) as client:
        yield Line(url=url, limiter=Limiter(allowance, limits), client=client)
