"""Where trades come from: what every feed can be asked."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Protocol, TypeAlias

from simulator.trade import Trade

Group: TypeAlias = list[Trade]
"""Trades that share a frame, where the exchange puts several into one."""


class Feed(Protocol):
    """The trades of one exchange; ids count up by one in each symbol."""

    @property
    def symbols(self) -> tuple[str, ...]: ...

    @property
    def waits(self) -> bool:
        """Say whether a slow reader slows the feed down, or is cut off by it."""
        ...

    def first(self, symbol: str) -> int:
        """Return the oldest id that REST can answer."""
        ...

    def began(self, symbol: str) -> int:
        """Return the first id that this simulator issued, restarts included."""
        ...

    def last(self, symbol: str) -> int:
        """Return the newest id issued; one below the first when there is none."""
        ...

    def trades(self, symbol: str, from_id: int, to_id: int) -> Iterator[Trade]:
        """Yield the issued trades with these ids, both included, in order."""
        ...

    def at(self, symbol: str, time_ns: int) -> int:
        """Return the id of the first trade that is not before this time."""
        ...

    def batches(
        self, wanted: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[list[Group]]:
        """Yield what is issued next, when it is due."""
        ...

    def spike(self, symbol: str, factor: str) -> int:
        """Multiply the price of the next trade for good; return its id."""
        ...

    def lose(self, symbol: str, count: int) -> int:
        """Have no trade bear the symbol's next ids, for good; return the first.

        Raises:
            ValueError: this feed has all of its trades already.
        """
        ...

    @property
    def position(self) -> int:
        """Return how many trades of a recording were told; the clock needs none."""
        ...

    @property
    def more(self) -> bool:
        """Say whether trades are still to come."""
        ...

    def resume(self, position: int) -> None:
        """Go on from here: what came after it was not read by anybody."""
        ...

    def save(self, position: int) -> None:
        """Keep the position for a restart."""
        ...

    def about(self) -> Mapping[str, object]:
        """Return what `/control/state` tells of the feed."""
        ...
