"""A stack of a bench's own: its words, its start, and that nothing is left of it."""

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.laptop import Laptop


def arguments(about: str | None, rate: int, kills: int, seed: int) -> ArgumentParser:
    """Return the parser of what all such benches can be told, with their defaults."""
    parser = ArgumentParser(description=about)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--rate", type=int, default=rate, help="trades/s")
    parser.add_argument("--exchanges", default="", help="the usual ones if not given")
    parser.add_argument("--home", type=Path, help="kept afterwards")
    return parser


@contextmanager
def own_stack(asked: Namespace) -> Iterator[Laptop]:
    """Start a stack on free ports with the simulated feed; end it, whatever happens."""
    home = asked.home or Path(tempfile.mkdtemp(prefix="bullion-bench-")) / "home"
    settings = {"BULLION_LANE_SECONDS": "20", "BULLION_EXCHANGES": asked.exchanges}
    laptop = Laptop(home, settings)
    try:
        print(laptop.run("up", "--feed", "simulated", "--rate", str(asked.rate)))
        yield laptop
    finally:
        laptop.run("down")
        if asked.home is None:
            shutil.rmtree(home.parent)
