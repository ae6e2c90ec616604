"""An exchange whose stream leaves trades out is swept by REST, gap or no gap.

A jump in the ids tells of an omission only once a later trade came, and nothing where
ids do not count trades. So each symbol is asked for what happened since the last sweep,
or for its newest trades where REST has no others, and what no stream brought is
published.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from ingestion.capture import Capture
from ingestion.exchange import Instrument
from ingestion.line import Unanswered
from ingestion.outlet import sent
from ingestion.rest import Rest
from schemas.trade import Trade

log = structlog.get_logger()
SETTLED = timedelta(seconds=5)
"""How long a stream may be behind REST before it is said to have left a trade out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Compares what came by WebSocket with what REST has, symbol by symbol."""

    capture: Capture
    rest: Rest
    every: timedelta
    settled: timedelta = SETTLED
    cursors: dict[str, str] = field(default_factory=dict)
    """Where the next sweep of each native symbol begins."""
    compared: dict[str, int] = field(default_factory=dict)
    """The last id of each native symbol that was compared."""
    first: dict[str, int] = field(default_factory=dict)
    """The first id of each native symbol that came by stream: those before it are
    older than capture, and nothing that a stream left out."""
    young: dict[str, dict[int, Trade]] = field(default_factory=dict)
    """Of each native symbol what REST had, and the stream may still bring."""

    async def sweep(self) -> None:
        """Sweep all symbols now and then, for ever; the first time notes the place."""
        while True:
            for native in list(self.capture.heard):
                instrument = self.capture.instruments[native]
                try:
                    await self.sweep_one(instrument)
                except Unanswered as why:
                    log.info(
                        "not_swept",
                        exchange=self.capture.exchange.name,
                        symbol=instrument.symbol,
                        why=str(why),
                    )
            await asyncio.sleep(self.every.total_seconds())

    async def sweep_one(self, instrument: Instrument) -> None:
        """Compare one symbol's trades since its last sweep.

        Raises:
            Unanswered: the exchange does not answer; the next sweep begins there again.
        """
        native = instrument.native
        cursor = self.cursors.get(native) or self.rest.fill.since(datetime.now(UTC))
        if cursor is None:
            await self.sweep_newest(instrument)
            return
        before = datetime.now(UTC) - self.settled
        while True:
            request = self.rest.fill.request(instrument, cursor)
            page = await self.rest.page(request, instrument)
            done = self.compared.get(native, -1)
            fresh = [trade for trade in page.trades if int(trade.trade_id) > done]
            due = [trade for trade in fresh if trade.timestamp <= before]
            if due:
                await self.compare(instrument, due)
            if not due or len(due) < len(fresh) or not page.after:
                # The rest is too young to be missed: the next sweep begins here.
                self.cursors[native] = cursor
                return
            cursor = page.after

    async def sweep_newest(self, instrument: Instrument) -> None:
        """Compare what REST has as newest; what it shows now is compared once settled.

        More trades between two sweeps than it shows are compared in part. What it shows
        of the time before capture began is brought too: nobody listened then.

        Raises:
            Unanswered: the exchange does not answer.
        """
        native = instrument.native
        page = await self.rest.page(self.rest.fill.newest(instrument), instrument)
        shown = {int(trade.trade_id): trade for trade in page.trades}
        young = self.young.setdefault(native, {})
        done = self.compared.get(native, -1)
        young.update((number, shown[number]) for number in shown if number > done)
        before = datetime.now(UTC) - self.settled
        due = [young[n] for n in sorted(young) if young[n].timestamp <= before]
        for trade in due:
            del young[int(trade.trade_id)]
        if due:
            await self.compare(instrument, due)

    async def compare(self, instrument: Instrument, due: Sequence[Trade]) -> None:
        """Publish those trades that no stream brought, and forget the others' ids."""
        capture = self.capture
        heard = capture.heard.get(instrument.native)
        if heard is None:
            return
        if instrument.native not in self.first and heard.ids:
            self.first[instrument.native] = min(map(int, heard.ids))
        missing = [trade for trade in due if trade.trade_id not in heard.ids]
        last = int(due[-1].trade_id)
        heard.ids = {each for each in heard.ids if int(each) > last}
        for trade in missing:
            await sent(trade, capture.outlet, self.rest.url)
        self.compared[instrument.native] = last
        told = {"exchange": capture.exchange.name, "symbol": instrument.symbol}
        first = self.first.get(instrument.native, math.inf)
        owed = [trade for trade in due if int(trade.trade_id) >= first]
        omitted = [trade for trade in missing if int(trade.trade_id) >= first]
        capture.tally.swept += len(owed)
        capture.tally.omitted += len(omitted)
        if omitted:
            log.warning(
                "stream_left_out",
                **told,
                trades=len(omitted),
                of=len(owed),
                first_id=omitted[0].trade_id,
            )
        if older := len(missing) - len(omitted):
            log.info("older_trades_brought", **told, trades=older)
