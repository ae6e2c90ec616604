"""What is kept of words is bounded, and never another's."""

from decimal import Decimal

import pytest

from ingestion.exchange import NUMBERS, FrameRejected
from ingestion.kept import MOST, Kept
from ingestion.wire import DECIMALS, PAIRS, decimal, pair


def test_what_was_made_is_made_once_until_there_are_too_many() -> None:
    made: list[int] = []

    def doubled(number: int) -> int:
        made.append(number)
        return 2 * number

    kept = Kept(doubled, lambda number: number < 10 * MOST)

    assert [kept[7], kept[7], kept[8]] == [14, 14, 16]
    assert made == [7, 8]
    assert [kept[number] for number in range(3 * MOST)] == [*range(0, 6 * MOST, 2)]
    assert len(kept) <= MOST


def test_a_word_of_any_size_is_read_and_only_a_short_one_kept() -> None:
    long = "2." + "0" * 1_000_000
    field = ("name", "x" * 1_000_000)
    for kept in (NUMBERS, DECIMALS, PAIRS):
        kept.clear()

    assert NUMBERS[long] == NUMBERS["1"] * 2 == 2
    assert decimal(Decimal(long)) == b"\x10\x1b\xc1\x6d\x67\x4e\xc8\x00\x00"
    assert decimal(Decimal("1.5")) == b"\x10\x14\xd1\x12\x0d\x7b\x16\x00\x00"
    assert pair(field).endswith(b"x" * 1_000_000)
    assert pair(("a", "b")) == b"\x02a\x02b"

    assert [*NUMBERS] == ["1"]
    assert [str(number) for number in DECIMALS] == ["1.5"]
    assert [*PAIRS] == [("a", "b")]


def test_a_number_keeps_its_digits_however_often_it_comes() -> None:
    texts = ["0.10", "0.1", "0.10", "1E-7", "-0.0", "0.1"]

    assert [str(NUMBERS[text]) for text in texts] == texts


@pytest.mark.parametrize(
    "text", ["", "NaN", "Infinity", "sNaN", "1_000", " 1", "0x1", "1.", ".1", "1e1000"]
)
def test_what_is_no_number_is_no_number_twice(text: str) -> None:
    for _ in range(2):
        with pytest.raises(FrameRejected, match="is no number"):
            NUMBERS[text]


def test_a_signalling_nan_is_refused_as_any_nan() -> None:
    with pytest.raises(FrameRejected, match="does not fit"):
        decimal(Decimal("sNaN"))
