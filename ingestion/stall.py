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
from ingestion.rest import Rest, Unanswered

log = structlog.get_logger()
TIMES = 20
"""Of a symbol's own interval between trades: a longer silence is unusual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StallWatch:
    """Asks for symbols that are unusually silent; renews the connection of the dead."""

    capture: Capture
    rest: Rest
    least: timedelta = timedelta(seconds=30)
    """How long any symbol may be silent."""
    every: timedelta = timedelta(seconds=5)
    again: timedelta = timedelta(seconds=60)
    """How long after an answer a symbol is not asked for."""
    asked: dict[str, float] = field(default_factory=dict)

    async def watch(self) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(self.every.total_seconds())
            for instrument in list(self.silent()):
                await self.ask(instrument)

    def silent(self) -> Iterator[Instrument]:
        """Yield the instruments that have said nothing for unusually long."""
        now = asyncio.get_running_loop().time()
        for native in self.capture.symbols:
            instrument = self.capture.instruments[native]
            heard = self.capture.heard[instrument.symbol]
            asked = self.asked.get(native, float("-inf"))
            lately = now - asked < self.again.total_seconds()
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
        self.asked[instrument.native] = loop.time()
        heard = capture.heard[instrument.symbol]
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
        if heard.last_id != before or newest <= int(before or -1):
            return
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
