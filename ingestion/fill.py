"""Missing trades are asked for by REST, and go the way of all others.

A fill is told of holes and reports answers; what is in the tables it does not know. It
publishes what it finds into the exchange's topic, where the lane takes it to gold.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import structlog
from msgspec import Struct, ValidationError, json

from ingestion.exchange import Exchange, Instrument
from ingestion.line import Unanswered
from ingestion.outlet import Outlet, sent
from ingestion.rest import Rest
from schemas.id_range import IdRange, joined

log = structlog.get_logger()
AT_ONCE = 8
"""Holes of one exchange that are asked for side by side, for the time lines take."""


class HolesUnreadable(Exception):
    """What is to be filled was not told as it must be; the message says how."""


class Hole(Struct, forbid_unknown_fields=True):
    """Trade ids that are missing between two that are held."""

    exchange: str
    symbol: str
    first_missing_id: int
    last_missing_id: int
    missing: list[tuple[int, int]]
    """Which of them are missing still."""
    after: datetime
    """When the trade before the hole happened."""


class Answer(Struct):
    """What the exchange said to one hole."""

    exchange: str
    symbol: str
    first_missing_id: int
    last_missing_id: int
    asked_at: datetime
    requests: int = 0
    published: int = 0
    whole: bool = False
    """Whether it answered for all of the ids, up to a trade behind them."""
    skipped: list[IdRange] = []
    """Ids that it left out between others."""
    reached: tuple[int, datetime] | None = None
    """The trade up to which all was asked for when time was up; ask on from it."""
    error: str = ""

    @classmethod
    def to(cls, hole: Hole, error: str = "") -> Self:
        """Return the answer to a hole before anything was said, or why nothing was."""
        return cls(
            exchange=hole.exchange,
            symbol=hole.symbol,
            first_missing_id=hole.first_missing_id,
            last_missing_id=hole.last_missing_id,
            asked_at=datetime.now(UTC),
            error=error,
        )

    def asked(self) -> None:
        """Count a question."""
        self.requests += 1


def holes_of(text: str) -> list[Hole]:
    """Return the holes in a JSON array.

    Raises:
        HolesUnreadable: the message shows what an array looks like.
    """
    try:
        return json.decode(text, type=list[Hole])
    except (ValidationError, ValueError) as error:
        raise HolesUnreadable(
            f"{error}; expected such as"
            ' [{"exchange": "ACME", "symbol": "BTCUSD", "first_missing_id": 4,'
            ' "last_missing_id": 6, "missing": [[4, 6]],'
            ' "after": "2026-11-27T10:00:00Z"}]'
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Asks one exchange for its holes."""

    exchange: Exchange
    rest: Rest
    instruments: Mapping[str, Instrument]
    """By our symbol."""
    outlet: Outlet
    until: float
    """When to ask no more, on the clock of `time.monotonic`."""

    async def answers(self, holes: Sequence[Hole]) -> list[Answer]:
        """Ask for each hole; return what the exchange said to each."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(hole: Hole) -> Answer:
            async with turns:
                return await self.answer(hole)

        return list(await asyncio.gather(*map(one, holes)))

    async def answer(self, hole: Hole) -> Answer:
        """Ask for one hole, publish what is missing of the answer, and tell."""
        told = Answer.to(hole)
        instrument = self.instruments.get(hole.symbol)
        if instrument is None:
            told.error = f"the catalogue of {self.exchange.name} has no {hole.symbol}"
        else:
            try:
                await self._ask(hole, instrument, told)
            except Unanswered as why:
                told.error = str(why)
        log.info(
            "hole_asked_for",
            exchange=self.exchange.name,
            symbol=hole.symbol,
            ids=f"{hole.first_missing_id}..{hole.last_missing_id}",
            published=told.published,
            whole=told.whole,
            error=told.error or None,
        )
        return told

    async def _ask(self, hole: Hole, instrument: Instrument, told: Answer) -> None:
        wanted = joined(hole.missing)
        lacking = {number for a, b in wanted for number in range(a, b + 1)}
        lowest, last, before = wanted[0][0], (-1, hole.after), (-1, hole.after)
        cursor = self.rest.fill.first(wanted[0][0], hole.after)
        if cursor is None:
            told.error = f"REST of {self.exchange.name} has its newest trades alone"
            return
        while time.monotonic() < self.until:
            request = self.rest.fill.request(instrument, cursor)
            page = await self.rest.page(request, instrument, told.asked)
            ids = [int(trade.trade_id) for trade in page.trades]
            for number, trade in zip(ids, page.trades, strict=True):
                if number in lacking:
                    # What is held, or came already, is not sent again.
                    lacking.discard(number)
                    told.published += await sent(trade, self.outlet, self.rest.url)
            times = (trade.timestamp for trade in page.trades)
            before, last = last, max([last, *zip(ids, times, strict=True)])
            lowest = min([lowest, *ids[:1]])
            if last[0] > wanted[-1][1] or last[0] <= before[0] or not page.after:
                # It has no more of them, or not yet.
                break
            cursor = page.after
        else:
            told.reached = before if before[0] >= wanted[0][0] else None
        if lowest < wanted[0][0]:
            # Left out is only what lies between two trades that it has. Times of
            # neighbours may not be in order: what the last page ends with is no proof.
            told.whole = last[0] > wanted[-1][1]
            until = last[0] if told.whole else before[0]
            told.skipped = joined((n, n) for n in lacking if n < until)


def by_symbol(
    catalogue: Mapping[str, Instrument], wanted: Sequence[str]
) -> dict[str, Instrument]:
    """Return instruments by our symbol; of namesakes, the one that is captured."""
    rest = [one for one in catalogue.values() if one.native not in wanted]
    mine = [catalogue[name] for name in reversed(wanted) if name in catalogue]
    return {one.symbol: one for one in (*rest, *mine)}
