"""What was ordered to go wrong with an exchange, and is not over yet."""

import time
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from simulator.feed import Group

log = structlog.get_logger()
HANDSHAKES: dict[int, type[web.HTTPException]] = {
    403: web.HTTPForbidden,
    429: web.HTTPTooManyRequests,
    451: web.HTTPUnavailableForLegalReasons,
    503: web.HTTPServiceUnavailable,
}
"""With what a handshake can be refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestFault:
    """How one REST request fails."""

    status: int = 0
    retry_after: int = 0
    seconds: float = 0
    cut: bool = False
    empty: bool = False


@dataclass(slots=True)
class Disarray:
    """In which other order, and how often, one connection is told its frames."""

    doubled: int = 0
    """How many of the next frames go out twice."""
    swapped: int = 0
    """How many of the next frames change places with the one behind them."""
    _overtaken: list[str] = field(default_factory=list)
    """A frame that waits for the one behind it."""

    def bent(self, texts: list[str]) -> list[str]:
        """Return what the connection is told now in place of these frames.

        However many are due at once, no more are doubled or overtaken than were
        ordered.
        """
        twice = [text for text in texts[: self.doubled] for _ in range(2)]
        self.doubled = max(0, self.doubled - len(texts))
        texts = [*self._overtaken, *twice, *texts[len(twice) // 2 :]]
        late = min(self.swapped, len(texts)) // 2 * 2
        for place in range(0, late, 2):
            texts[place : place + 2] = texts[place : place + 2][::-1]
        self.swapped -= late
        kept = len(texts) - 1 if late == len(texts) - 1 and self.swapped > 1 else None
        self._overtaken = texts[kept:] if kept is not None else []
        return texts[:kept]


@dataclass(slots=True)
class Disorder:
    """The faults of one exchange that still stand; times are of `time.monotonic`."""

    omitted: dict[str, int] = field(default_factory=dict)
    """How many of each symbol's next trades no WebSocket is told; REST has them."""
    merged_until: float = 0
    split_until: float = 0
    held_until: float = 0
    handshakes: list[int] = field(default_factory=list)
    """With which status the next handshakes are refused."""
    refusals: int = 0
    """How many of the next subscriptions are refused."""
    ignoring: int = 0
    """How many of the next subscriptions nobody answers, and no trade follows."""
    unsaid: int = 0
    """How many of the next subscriptions are carried out without a word."""
    rest: list[RestFault] = field(default_factory=list)
    """How the next REST requests fail."""
    skew: float = 0
    """Seconds by which the clock that REST tells is ahead of the true one."""

    def time_ns(self) -> int:
        """Return the time that REST tells, in Unix nanoseconds."""
        return time.time_ns() + int(self.skew * 10**9)

    def greet(self) -> None:
        """Let a handshake in, or refuse it if one is to be refused."""
        if self.handshakes:
            status = self.handshakes.pop(0)
            log.info("handshake_refused", status=status)
            raise HANDSHAKES[status]

    def refused(self) -> bool:
        """Say whether this subscription is to be refused; it is counted."""
        if self.refusals:
            self.refusals -= 1
            return True
        return False

    def ignored(self) -> bool:
        """Say whether this subscription is to be ignored; it is counted."""
        if self.ignoring:
            self.ignoring -= 1
            return True
        return False

    def acknowledged(self) -> bool:
        """Say whether this subscription is to be answered; it is counted."""
        if self.unsaid:
            self.unsaid -= 1
            return False
        return True

    def arranged(self, groups: list[Group]) -> list[Group]:
        """Return the trades as frames hold them, without those that are left out."""
        groups = self._without_omitted(groups) if self.omitted else groups
        now = time.monotonic()
        if now < self.split_until:
            return [[trade] for group in groups for trade in group]
        if now < self.merged_until and groups:
            return [[trade for group in groups for trade in group]]
        return groups

    def _without_omitted(self, groups: list[Group]) -> list[Group]:
        told: list[Group] = []
        for group in groups:
            kept: Group = []
            for trade in group:
                left = self.omitted.get(trade.symbol, 0)
                if not left:
                    kept.append(trade)
                elif left == 1:
                    del self.omitted[trade.symbol]
                else:
                    self.omitted[trade.symbol] = left - 1
            if kept:
                told.append(kept)
        return told
