"""Whether there is room for messages is told by messages, and not by time alone."""

import pytest
from structlog.testing import capture_logs

from ingestion import room
from ingestion.room import AGAIN_AFTER, Room


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
    return now


def test_a_process_that_stood_still_does_not_take_that_for_room(
    clock: list[float],
) -> None:
    there = Room("acme")
    with capture_logs() as said:
        with there.wanted():
            there.refuse(7)
            clock[0] += 10 * AGAIN_AFTER
            there.look(7)
            assert there.none_since is not None
        there.look(7)

    assert [line["event"] for line in said] == ["buffer_full", "buffer_has_room"]
    assert there.none_since is None


def test_room_that_comes_and_goes_is_not_told_each_time(clock: list[float]) -> None:
    there = Room("acme")
    with capture_logs() as said:
        for _ in range(5):
            with there.wanted():
                there.refuse(7)
            clock[0] += AGAIN_AFTER / 2
            there.look(7)

    assert [line["event"] for line in said] == ["buffer_full"]
