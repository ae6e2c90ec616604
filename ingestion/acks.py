"""A symbol that was asked for and that nothing came of is reported by its name.

An exchange that acknowledges each symbol has to; of the others a trade is the proof, or
that REST has none that should have come. `ingestion.stall` asks REST.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from ingestion.capture import Capture

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class AckWatch:
    """Looks for symbols whose subscription nothing confirms; says each once."""

    capture: Capture
    allowed: timedelta
    """How long a new connection may leave a symbol unconfirmed."""
    every: timedelta = timedelta(seconds=1)
    said: set[str] = field(default_factory=set)
    """Native names that were reported, and are not confirmed since."""
    read_since: float = float("-inf")
    """On the loop's clock: nobody hears of an answer while nobody reads."""

    async def watch(self) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(self.every.total_seconds())
            if self.capture.outlet.full:
                self.read_since = asyncio.get_running_loop().time()
            else:
                self.look()

    def look(self) -> None:
        """Report what is unconfirmed for too long, and what was confirmed after all."""
        capture = self.capture
        now = asyncio.get_running_loop().time()
        late = {native for native in capture.heard if self.late(native, now)}
        well = {
            n for n in self.said if n in capture.heard and capture.heard[n].confirmed
        }
        if new := sorted(late - self.said):
            log.warning(
                "subscriptions_unconfirmed",
                exchange=capture.exchange.name,
                symbols=" ".join(new),
                after_s=self.allowed.total_seconds(),
                remedy="they may be missing until they are subscribed anew, once REST "
                "has a newer trade; if they stay away, see what the exchange says of "
                f"them, and BULLION_{capture.exchange.name.upper()}_SYMBOLS",
            )
        if well:
            log.info(
                "subscriptions_confirmed",
                exchange=capture.exchange.name,
                symbols=" ".join(sorted(well)),
            )
        self.said.difference_update(well)
        self.said.update(new)

    def late(self, native: str, now: float) -> bool:
        """Return whether a symbol should have been confirmed by now, and was not."""
        capture = self.capture
        heard = capture.heard[native]
        if (
            heard.confirmed
            or native in capture.tally.refused
            or not capture.instruments[native].trading
            or now - max(heard.asked, self.read_since) <= self.allowed.total_seconds()
        ):
            return False
        acknowledges = capture.exchange.capabilities.confirms is not None
        return acknowledges or heard.doubted >= heard.asked
