"""Ranges of trade ids, held against sets of ids."""

import random

import pytest

from schemas.id_range import (
    IdRange,
    as_text,
    common,
    cut,
    from_text,
    joined,
    size,
    without,
)


def ids(ranges: list[IdRange]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


def some(dice: random.Random) -> list[IdRange]:
    firsts = [dice.randrange(60) for _ in range(dice.randrange(6))]
    return [(first, first + dice.randrange(9)) for first in firsts]


@pytest.mark.parametrize("seed", range(200))
def test_ranges_and_sets_agree(seed: int) -> None:
    dice = random.Random(seed)
    one, other = joined(some(dice)), joined(some(dice))

    assert ids(joined([*one, *other])) == ids(one) | ids(other)
    assert ids(common(one, other)) == ids(one) & ids(other)
    for span in one:
        assert ids(without(span, other)) == ids([span]) - ids(other)
    assert size(one) == len(ids(one))
    assert from_text(as_text(one)) == one


def test_ranges_that_touch_are_one() -> None:
    assert joined([(4, 6), (1, 3), (8, 9), (2, 5)]) == [(1, 6), (8, 9)]


def test_ranges_are_cut_at_so_many_ids() -> None:
    ranges = [(1, 3), (5, 5), (10, 19)]

    assert cut(ranges, 6) == [(1, 3), (5, 5), (10, 11)]
    assert cut(ranges, 4) == [(1, 3), (5, 5)]
    assert cut(ranges, 2) == [(1, 2)]
    assert cut(ranges, 100) == ranges and cut([], 5) == []
