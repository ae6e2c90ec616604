"""A symbol that is silent is asked for by REST: a halt, or a dead subscription?

Pings and heartbeats go on over a subscription that has died, and quiet is normal: only
a newer trade elsewhere tells the two apart.
"""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from ingestion.capture import Capture, Heard
from ingestion.exchange import Instrument
from ingestion.line import Unanswered
from ingestion.rest import Rest
from schemas.trade import Trade

log = structlog.get_logger()
TIMES = 20
"""Of a symbol's own interval between trades: a longer silence is unusual."""
LEAST_OFTEN = 5
"""Doublings of the time between two questions about a market that stays quiet."""
SETTLED = timedelta(seconds=5)
"""How long after it was opened a connection has to serve all of its symbols."""


@dataclass(slots=True)
class Asked:
    """What REST was asked of one symbol."""

    not_before: float = float("-inf")
    """When it may be asked again, on the loop's clock."""
    newest: int = 0
    """The newest id that it told."""
    times: int = 0
    """How often in a row there was nothing new."""


@dataclass(slots=True, kw_only=True)
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
    read_since: float = float("-inf")
    """On the loop's clock: nobody was silent while nobody read."""

    async def watch(self) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(self.every.total_seconds())
            if self.capture.outlet.full:
                # A connection more for each silence would wait for Kafka as well.
                self.read_since = asyncio.get_running_loop().time()
                continue
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
                and now - max(heard.at, self.read_since) > self.allowed(heard)
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
        trade = max(page.trades, key=lambda each: int(each.trade_id), default=None)
        newest = int(trade.trade_id) if trade else -1
        # What came while we asked shows that it lives.
        if heard.last_id != before:
            return
        # What happened between two connections was no duty of the second one.
        known = max((int(each) for each in (before, asked.newest) if each), default=-1)
        asked.newest = newest
        if known < 0 or newest <= known:
            # Nothing happened, or nothing that we could have missed since: a market
            # that is quiet for long is asked for less and less.
            asked.times = min(asked.times + 1, LEAST_OFTEN)
            asked.not_before = loop.time() + again * 2**asked.times
            if known < 0 and trade and due(trade, heard, loop.time()):
                heard.doubted = loop.time()
            else:
                heard.proved = loop.time()
            return
        asked.times = 0
        heard.doubted = loop.time()
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


def due(trade: Trade, heard: Heard, now: float) -> bool:
    """Return whether the newest connection should have brought a trade.

    By our clock: one that is behind the exchange's doubts too early.
    """
    for_s = now - heard.asked
    if not 0 <= for_s < math.inf:
        return False
    return trade.timestamp > datetime.now(UTC) - timedelta(seconds=for_s) + SETTLED
