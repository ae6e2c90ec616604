"""A symbol that is silent is asked for by REST: a halt, or a dead subscription?

Pings and heartbeats go on over a subscription that has died, and quiet is normal: only
a newer trade elsewhere tells the two apart.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from ingestion.capture import Capture, Heard
from ingestion.exchange import Instrument
from ingestion.line import Unanswered
from ingestion.rest import Rest

log = structlog.get_logger()
TIMES = 20
"""Of a symbol's own interval between trades: a longer silence is unusual."""
LEAST_OFTEN = 5
"""Doublings of the time between two questions about a market that stays quiet."""


@dataclass(slots=True)
class Asked:
    """What REST was asked of one symbol."""

    not_before: float = float("-inf")
    """When it may be asked again, on the loop's clock."""
    newest: int | None = None
    times: int = 0
    """How often in a row there was nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StallWatch:
    """Asks for symbols that are unusually silent; renews the connection of the dead."""

    capture: Capture
    rest: Rest
    least: timedelta = timedelta(seconds=30)
    """How long any symbol may be silent."""
    every: timedelta = timedelta(seconds=5)
    again: timedelta = timedelta(seconds=60)
    """How long after an answer a symbol is not asked for; quiet ones twice as long."""
    asked: dict[str, Asked] = field(default_factory=dict)
    """By native name."""

    async def watch(self) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(self.every.total_seconds())
            for instrument in list(self.silent()):
                await self.ask(instrument)

    def silent(self) -> Iterator[Instrument]:
        """Yield the instruments that have said nothing for unusually long."""
        now = asyncio.get_running_loop().time()
        for native, heard in list(self.capture.heard.items()):
            instrument = self.capture.instruments[native]
            lately = now < self.asked.get(native, Asked()).not_before
            if (
                instrument.trading
                and not lately
                and now - heard.at > self.allowed(heard)
            ):
                yield instrument

    def allowed(self, heard: Heard) -> float:
        """Return the seconds that a symbol may be silent, by its own interval."""
        least = self.least.total_seconds()
        if not heard.trades:
            return least
        return max(least, TIMES * (heard.at - heard.since) / heard.trades)

    async def ask(self, instrument: Instrument) -> None:
        """Ask for the newest trade; if it is ahead of us, the subscription is dead."""
        capture, loop = self.capture, asyncio.get_running_loop()
        asked = self.asked.setdefault(instrument.native, Asked())
        again = self.again.total_seconds()
        asked.not_before = loop.time() + again
        heard = capture.heard[instrument.native]
        before = heard.last_id
        try:
            page = await self.rest.page(self.rest.fill.newest(instrument), instrument)
        except Unanswered as why:
            log.info(
                "newest_not_told",
                exchange=capture.exchange.name,
                symbol=instrument.symbol,
                why=str(why),
            )
            return
        newest = max((int(trade.trade_id) for trade in page.trades), default=-1)
        # What came while we asked shows that it lives.
        if heard.last_id != before:
            return
        known = int(before) if before else asked.newest
        asked.newest = newest
        if known is None or newest <= known:
            # Nothing happened, or nothing that we could have missed since: a market
            # that is quiet for long is asked for less and less.
            asked.times = min(asked.times + 1, LEAST_OFTEN)
            asked.not_before = loop.time() + again * 2**asked.times
            return
        asked.times = 0
        capture.tally.stalls += 1
        log.warning(
            "symbol_stalled",
            exchange=capture.exchange.name,
            symbol=instrument.symbol,
            silent_s=round(loop.time() - heard.at),
            last_id=before or None,
            newest_id=newest,
        )
        capture.renew(instrument.native)
