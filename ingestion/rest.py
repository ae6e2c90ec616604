"""An exchange's REST, asked no more often than it likes, by all of us together."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from ingestion.catalogue import is_local
from ingestion.exchange import (
    AskedTooOften,
    Fill,
    Instrument,
    Page,
    PageUnreadable,
    Request,
)
from ingestion.limiter import Limiter

LEFT_ALONE = 60.0
"""Seconds to wait where the exchange does not say how long."""


class Unanswered(Exception):
    """The exchange did not answer this time; the message says what it did."""


def uncounted() -> None:
    """Count nothing."""


@asynccontextmanager
async def opened(fill: Fill, url: str, limits: Path) -> AsyncIterator["Rest"]:
    """Give the REST at an address; `limits` is the exchange's file of what is spent."""
    async with httpx.AsyncClient(timeout=20, trust_env=not is_local(url)) as client:
        yield Rest(
            fill=fill, url=url, limiter=Limiter(fill.allowance, limits), client=client
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """The way to one exchange's past trades."""

    fill: Fill
    url: str
    limiter: Limiter
    client: httpx.AsyncClient
    pauses: tuple[float, ...] = (1.0, 4.0)
    """Seconds between the tries of a question."""

    async def page(
        self,
        request: Request,
        instrument: Instrument,
        asked: Callable[[], None] = uncounted,
    ) -> Page:
        """Return a page; ask again where asking again may help.

        Raises:
            Unanswered: it did not help; the message says what the exchange did.
        """
        why = ""
        for pause in (*self.pauses, 0.0):
            await self._count(request.cost)
            asked()
            try:
                answer = await self.client.get(
                    self.url + request.path,
                    params=dict(request.query),
                    headers=dict(request.headers),
                )
                self._heed(answer)
                answer.raise_for_status()
                return self.fill.page(answer.content, instrument, datetime.now(UTC))
            except AskedTooOften as often:
                why = f"it is asked too often: {often}"
            except httpx.HTTPStatusError as refused:
                status = refused.response.status_code
                why = f"HTTP {status}: {refused.response.text[:200]}"
                if status < 500:
                    break
            except (httpx.HTTPError, PageUnreadable) as error:
                why = str(error) or type(error).__name__
            await asyncio.sleep(pause)
        raise Unanswered(why)

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
        if answer.status_code not in (418, 429):
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
