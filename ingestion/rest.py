"""Pages of past trades from an exchange's REST, asked for again where that may help."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ingestion.exchange import (
    AskedTooOften,
    Fill,
    Instrument,
    Page,
    PageUnreadable,
    Request,
)
from ingestion.line import Line, Reply, Unanswered, line_to, uncounted


@asynccontextmanager
async def opened(fill: Fill, url: str, limits: Path) -> AsyncIterator["Rest"]:
    """Give the REST at an address; `limits` is the exchange's file of what is spent."""
    async with line_to(url, fill.allowance, limits) as line:
        yield Rest(fill=fill, line=line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """The way to one exchange's past trades."""

    fill: Fill
    line: Line
    pauses: tuple[float, ...] = (1.0, 4.0)
    """Seconds between the tries of a question."""

    @property
    def url(self) -> str:
        """Its address."""
        return self.line.url

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

        def page_of(reply: Reply) -> Page:
            return self.fill.page(reply.body, instrument, reply.came_at)

        why = ""
        for pause in (*self.pauses, 0.0):
            try:
                return await self.line.ask(request, page_of, asked)
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
