"""The simulated feed: trades happen as the clock goes, whether or not we run."""

import asyncio
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import TypeAlias, cast

from simulator.feed import Group
from simulator.market import Market
from simulator.state import Keep
from simulator.tape import Tape, block_of
from simulator.trade import Trade

TICK = 0.02
"""Trades within so many seconds leave together; it bounds the wakings of the loop."""
LARGEST_GROUP = 500
DEFAULT_RATE = 20.0
DEFAULT_SEED = 1

Segments: TypeAlias = list[tuple[int, float, int]]


def segments_of(
    keep: Keep, rate: float | None, seed: int | None, now_ns: int
) -> Segments:
    """Return which rate and seed hold from which block on, and remember them.

    A change holds from the next block on, so that no issued id changes its meaning.
    """
    said = keep.get("segments")
    segments = [
        (int(block), float(old), int(sown))
        for block, old, sown in cast(Segments, said.get("list", []))
    ]
    if not segments:
        segments = [(0, rate or DEFAULT_RATE, DEFAULT_SEED if seed is None else seed)]
    _, old_rate, old_seed = segments[-1]
    wanted = (rate or old_rate, old_seed if seed is None else seed)
    if wanted != (old_rate, old_seed):
        block = max(block_of(now_ns), segments[-1][0]) + 1
        segments.append((block, *wanted))
    keep.put(
        "segments",
        {"list": segments, "began_ns": said.get("began_ns", now_ns)},
    )
    return segments


class Simulated:
    """The simulated trades of one exchange."""

    waits = False
    position = 0
    more = True

    def __init__(
        self,
        exchange: str,
        markets: Sequence[Market],
        keep: Keep,
        segments: Segments,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        spikes = {
            symbol: {int(trade_id): str(by) for trade_id, by in of.items()}
            for symbol, of in cast(
                dict[str, dict[str, str]], keep.get(f"spikes.{exchange}")
            ).items()
        }
        self._keep = keep
        self._clock = clock
        self.exchange = exchange
        self.tapes = {
            market.symbol: Tape(
                exchange, market, segments, spikes.get(market.symbol, {})
            )
            for market in markets
        }
        self.began_ns = int(cast(int, keep.get("segments").get("began_ns", clock())))
        now = clock()
        self._gone = {
            symbol: {int(str(each)) for each in cast(list[int], ids)}
            for symbol, ids in keep.get(f"gone.{exchange}").items()
        }
        self._last = {
            symbol: tape.at(now + 1) - 1 for symbol, tape in self.tapes.items()
        }
        self._segments = segments

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.tapes)

    def first(self, symbol: str) -> int:
        return self.tapes[symbol].market.first_id

    def began(self, symbol: str) -> int:
        return self.at(symbol, self.began_ns)

    def last(self, symbol: str) -> int:
        return self._last[symbol]

    def at(self, symbol: str, time_ns: int) -> int:
        return self.tapes[symbol].at(time_ns)

    def trades(self, symbol: str, from_id: int, to_id: int) -> Iterator[Trade]:
        last = min(to_id, self._last[symbol])
        return self._without_gone(symbol, self.tapes[symbol].trades(from_id, last))

    def _without_gone(self, symbol: str, trades: Iterator[Trade]) -> Iterator[Trade]:
        gone = self._gone.get(symbol)
        if not gone:
            return trades
        return (trade for trade in trades if trade.trade_id not in gone)

    async def batches(
        self, wanted: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[list[Group]]:
        """Yield the trades that are due; nobody need want them."""
        while True:
            due = self.due()
            if due:
                cuts = range(0, len(due), LARGEST_GROUP)
                yield [due[cut : cut + LARGEST_GROUP] for cut in cuts]
            await asyncio.sleep(max(TICK, min(1.0, self._rest())))

    def due(self) -> Group:
        """Issue what has happened since the last call, in the order of time."""
        now = self._clock()
        found: Group = []
        for symbol, tape in self.tapes.items():
            # The clock may be set back; what was issued stays issued.
            last = max(self._last[symbol], tape.at(now + 1) - 1)
            due = tape.trades(self._last[symbol] + 1, last)
            found += self._without_gone(symbol, due)
            self._last[symbol] = last
        found.sort(key=lambda trade: trade.time_ns)
        return found

    def _rest(self) -> float:
        coming = min(
            tape.trade(self._last[symbol] + 1).time_ns
            for symbol, tape in self.tapes.items()
        )
        return (coming - self._clock()) / 10**9

    def spike(self, symbol: str, factor: str) -> int:
        trade_id = self._last[symbol] + 1
        self.tapes[symbol].spike(trade_id, factor)
        self._keep.put(
            f"spikes.{self.exchange}",
            {
                name: {str(key): by for key, by in tape.spikes.items()}
                for name, tape in self.tapes.items()
            },
        )
        return trade_id

    def lose(self, symbol: str, count: int) -> int:
        first = self._last[symbol] + 1
        self._gone.setdefault(symbol, set()).update(range(first, first + count))
        gone: dict[str, object] = {
            name: sorted(ids) for name, ids in self._gone.items()
        }
        self._keep.put(f"gone.{self.exchange}", gone)
        return first

    def resume(self, position: int) -> None:
        """Go on with the clock: who was away has missed what happened."""

    def save(self, position: int) -> None:
        """Keep nothing: the clock knows the position."""

    def about(self) -> Mapping[str, object]:
        _, rate, seed = self._segments[-1]
        return {"feed": "simulated", "rate": rate, "seed": seed}
