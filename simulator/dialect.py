"""What an exchange of ours speaks: one folder each, found by its name."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from aiohttp import web

from simulator.feed import Group
from simulator.hub import Connection, Hub
from simulator.market import Market
from simulator.pace import Pace
from simulator.trade import Trade

HERE = Path(__file__).parent


class Dialect(Protocol):
    """One exchange's words; `dialect` in its folder."""

    markets: Sequence[Market]
    recordings: tuple[str, str]
    """Which files are recordings of it, and what they hold; empty where none are."""

    def texts(self, connection: Connection, groups: list[Group]) -> list[str]:
        """Return the frames that a connection is told of these trades."""

    def frame(self, trades: Group) -> str:
        """Return a frame that tells these trades of one symbol; the first of them
        alone, where the exchange puts one into a frame."""

    def routes(self, hub: Hub, pace: Pace) -> Iterable[web.RouteDef]:
        """Yield the paths of its WebSockets and its REST, from the root on."""

    def read(self, text: str) -> tuple[list[Trade], list[int]]:
        """Return the trades of a recording, and when each was received, in ns.

        Raises:
            KeyError, IndexError, TypeError, ValueError: it is none.
        """


def all_dialects() -> dict[str, Dialect]:
    """Return what each folder speaks, by name."""
    names = sorted(file.parent.name for file in HERE.glob("*/__init__.py"))
    return {name: dialect_of(name) for name in names}


def dialect_of(name: str) -> Dialect:
    """Return what one exchange speaks."""
    spoken: Dialect = import_module(f"simulator.{name}").dialect
    return spoken
