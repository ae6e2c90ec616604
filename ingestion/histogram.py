"""Durations counted in buckets, in plain numbers: cheap enough for every trade."""

from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets in seconds; longer ones have a bucket of their own."""


@dataclass(slots=True)
class Histogram:
    """How often each duration was seen. A clock that is ahead makes none negative."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0
    """Seconds, of all together."""

    def count(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        if seconds > 0:
            self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return each upper bound with the number of durations up to it."""
        found, below = [], 0
        for bound, count in zip((*BOUNDS, None), list(self.counts), strict=True):
            below += count
            found.append(("+Inf" if bound is None else str(bound), float(below)))
        return found
