"""How long to wait before trying again, for ever."""

import random
from collections.abc import Iterator
from datetime import timedelta


def delays(first: timedelta, most: timedelta, dice: random.Random) -> Iterator[float]:
    """Yield seconds to wait: soon at first, then `first` doubling up to `most`.

    Each is drawn between half of its bound and all of it, so that many clients that
    lost the same server do not come back together.
    """
    yield dice.uniform(0, min(1.0, first.total_seconds()))
    bound = first.total_seconds()
    while True:
        yield dice.uniform(bound / 2, bound)
        bound = min(bound * 2, most.total_seconds())
