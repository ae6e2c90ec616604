"""The recorded feed: trades that once happened, told again in order, each once."""

import asyncio
import re
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import cast

from simulator.feed import Group
from simulator.recording import Recording
from simulator.state import Keep
from simulator.tape import spiked
from simulator.trade import Trade

FULL = 0.0
"""The speed without any pause but those that the reader makes."""
BATCH = 64
PRICE = re.compile(r'"p":"[^"]*"')
MOMENTS = re.compile(r'"(E|T)":(\d+)')


class Recorded:
    """One recording on its way; a restart goes on where it was."""

    waits = True

    def __init__(
        self, recording: Recording, keep: Keep, *, speed: float, retime: bool
    ) -> None:
        self.recording = recording
        self.exchange = recording.exchange
        self.speed = speed
        self.retime = retime
        self._keep = keep
        self._key = f"{recording.exchange}.{recording.digest}"
        said = keep.get(self._key)
        self.position = int(cast(int, said.get("position", 0)))
        self._kept_shift = cast("int | None", said.get("shift_ms"))
        self._shift_ms = self._kept_shift if retime else 0
        self.rewound = asyncio.Event()
        self._spikes = {
            int(place): str(by)
            for place, by in cast(dict[str, str], said.get("spikes", {})).items()
        }

    @property
    def symbols(self) -> tuple[str, ...]:
        return (self.recording.symbol,)

    def first(self, symbol: str) -> int:
        return self.recording.trades[0].trade_id

    def began(self, symbol: str) -> int:
        return self.first(symbol)

    def last(self, symbol: str) -> int:
        return self.first(symbol) + self.position - 1

    def at(self, symbol: str, time_ns: int) -> int:
        wanted = time_ns - (self._shift_ms or 0) * 1_000_000
        rows = self.recording.trades
        place = bisect_left(rows, wanted, key=lambda trade: trade.time_ns)
        return self.first(symbol) + place

    def trades(self, symbol: str, from_id: int, to_id: int) -> Iterator[Trade]:
        first = self.first(symbol)
        begin = max(0, from_id - first)
        for place in range(begin, min(to_id - first + 1, self.position)):
            yield self._told(place)

    async def batches(
        self, wanted: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[list[Group]]:
        """Yield the groups that are due, while somebody wants them."""
        end = len(self.recording.trades)
        received = self.recording.received_ns
        while True:
            if self.position == end:
                self.rewound.clear()
                await self.rewound.wait()
            await wanted()
            if self.position == end:
                continue
            if self._shift_ms is None:
                self._shift_ms = self._shift()
            groups = self._groups(BATCH if self.speed == FULL else 1)
            self.position += sum(map(len, groups))
            yield groups
            if self.speed == FULL:
                await asyncio.sleep(0)
            elif self.position < end:
                gap = received[self.position] - received[self.position - 1]
                await asyncio.sleep(max(0.0, gap / 10**9 / self.speed))

    def _groups(self, count: int) -> list[Group]:
        """Return the next groups; trades of one millisecond share a group."""
        rows = self.recording.trades
        groups: list[Group] = []
        place = self.position
        while place < len(rows) and len(groups) < count:
            group = []
            moment = rows[place].time_ms
            while place < len(rows) and rows[place].time_ms == moment:
                group.append(self._told(place))
                place += 1
                if rows[place - 1].recorded:
                    break
            groups.append(group)
        return groups

    def _told(self, place: int) -> Trade:
        """Return a trade as it is told now: moved in time, spiked where ordered."""
        trade = self.recording.trades[place]
        shift = self._shift_ms or 0
        if shift:
            trade = trade._replace(
                time_ns=trade.time_ns + shift * 1_000_000,
                published_ms=trade.published_ms + shift,
                recorded=MOMENTS.sub(
                    lambda found: f'"{found[1]}":{int(found[2]) + shift}',
                    trade.recorded,
                ),
            )
        factor = self._spikes.get(place)
        if factor:
            trade = spiked(trade, factor)
            frame = PRICE.sub(f'"p":"{trade.price}"', trade.recorded)
            trade = trade._replace(recorded=frame)
        return trade

    def _shift(self) -> int:
        """Return the ms by which all times move, and keep it.

        At 1x the first trade is now. Faster than that, the later trades would lie in
        the future when they are told; so the last trade is told at its own time.
        """
        rows = self.recording.trades
        span = rows[-1].time_ms - rows[0].time_ms
        lasts = 0.0 if self.speed == FULL else min(span, span / self.speed)
        self._shift_ms = int(time.time() * 1000 + lasts) - rows[-1].time_ms
        self.save(self.position)
        return self._shift_ms

    def spike(self, symbol: str, factor: str) -> int:
        """Mark the next trade.

        Raises:
            ValueError: the recording is at its end.
        """
        if self.position >= len(self.recording.trades):
            raise ValueError("the recording is at its end: no trade comes any more")
        self._spikes[self.position] = factor
        self.save(int(cast(int, self._keep.get(self._key).get("position", 0))))
        return self.first(symbol) + self.position

    def lose(self, symbol: str, count: int) -> int:
        """Refuse: what is recorded has happened.

        Raises:
            ValueError: always.
        """
        raise ValueError("a recording loses no trades: use the simulated feed")

    @property
    def more(self) -> bool:
        return self.position < len(self.recording.trades)

    def resume(self, position: int) -> None:
        if position < self.position:
            self.position = position
            self.rewound.set()

    def save(self, position: int) -> None:
        """Keep where a restart goes on, and the constants of this replay."""
        kept: dict[str, object] = {
            "position": position,
            "spikes": {str(place): by for place, by in self._spikes.items()},
        }
        shift = self._shift_ms if self.retime else self._kept_shift
        if shift is not None:
            kept["shift_ms"] = shift
        self._keep.put(self._key, kept)

    def about(self) -> Mapping[str, object]:
        return {
            "feed": "recorded",
            "position": self.position,
            "length": len(self.recording.trades),
            "shift_ms": self._shift_ms,
        }
