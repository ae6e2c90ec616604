"""Ranges of trade ids: what of them is held, and what lies between."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence

IdRange = tuple[int, int]
"""First and last id, both included."""


def joined(ranges: Iterable[IdRange]) -> list[IdRange]:
    """Return ascending ranges, of which none touches the next."""
    whole: list[IdRange] = []
    for first, last in sorted(ranges):
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(last, whole[-1][1]))
        else:
            whole.append((first, last))
    return whole


def without(span: IdRange, taken: Sequence[IdRange]) -> list[IdRange]:
    """Return what is left of a range; `taken` as `joined` gives it."""
    left: list[IdRange] = []
    at, end = span
    for first, last in taken[bisect_left(taken, at, key=lambda each: each[1]) :]:
        if first > end:
            break
        if first > at:
            left.append((at, first - 1))
        at = last + 1
    if at <= end:
        left.append((at, end))
    return left


def size(ranges: Iterable[IdRange]) -> int:
    """Return how many ids the ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def cut(ranges: Iterable[IdRange], most: int) -> list[IdRange]:
    """Return the first ids of ranges, so many at most."""
    kept: list[IdRange] = []
    for first, last in ranges:
        if most <= 0:
            break
        kept.append((first, min(last, first + most - 1)))
        most -= last - first + 1
    return kept


def common(some: Sequence[IdRange], others: Sequence[IdRange]) -> list[IdRange]:
    """Return the ids that are in both; each as `joined` gives it."""
    kept: list[IdRange] = []
    for span in some:
        at = span[0]
        for first, last in [*without(span, others), (span[1] + 1, span[1] + 1)]:
            if first > at:
                kept.append((at, first - 1))
            at = last + 1
    return kept


def as_text(ranges: Iterable[IdRange]) -> str:
    """Return ranges as JSON."""
    return json.dumps([list(each) for each in ranges])


def from_text(text: str) -> list[IdRange]:
    """Return the ranges that `as_text` wrote."""
    return [(first, last) for first, last in json.loads(text)]
