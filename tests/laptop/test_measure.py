"""The stack's use of the processor, with processes that come and go meanwhile."""

from stack.measure import Spent, between


def test_a_process_that_ends_takes_nothing_back() -> None:
    before = {1: Spent(0, 10.0, 5.0), 2: Spent(1, 3.0, 0.0)}
    # The second ended after another second, and its parent has not waited for it yet.
    assert between(before, {1: Spent(0, 10.5, 5.0)}) == 0.5
    # Now it has: of the child's four seconds, one is new.
    assert between(before, {1: Spent(0, 10.5, 9.0)}) == 1.5


def test_a_process_that_began_meanwhile_counts_whole() -> None:
    before = {1: Spent(0, 10.0, 5.0)}

    assert between(before, {1: Spent(0, 10.0, 5.0), 3: Spent(1, 2.0, 0.5)}) == 2.5
