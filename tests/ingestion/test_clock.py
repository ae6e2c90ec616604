"""The exchange's clock is compared with ours, and a person told of what is too much."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import json

from ingestion.clock import ClockWatch, Offset, offset
from ingestion.exchange import (
    AskedTooOften,
    Clock,
    ClockUnreadable,
    Exchange,
    Request,
    load,
)
from ingestion.line import Reply
from schemas.table import ROOT, all_exchanges
from tests.ingestion.simulated import line_at
from tests.simulator.served import Served, served

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TELLING = [name for name in all_exchanges() if load(name).capabilities.clock]
EACH = pytest.mark.parametrize("name", TELLING)


def clock_of(exchange: Exchange) -> Clock:
    assert exchange.capabilities.clock is not None
    return exchange.capabilities.clock


async def compared(sim: Served, name: str, folder: Path) -> Offset:
    """Return what a process finds about the simulator's clock."""
    exchange = load(name)
    async with line_at(sim, exchange, folder) as line:
        watch = ClockWatch(
            exchange=name,
            clock=clock_of(exchange),
            line=line,
            every=timedelta(minutes=5),
        )
        await watch.compare()
    assert watch.offset is not None
    return watch.offset


def test_there_are_exchanges_that_tell_the_time() -> None:
    assert TELLING


@EACH
def test_an_answer_yields_the_time_that_is_written_beside_it(name: str) -> None:
    file = ROOT / "ingestion/exchanges" / name / "samples/clock.json"
    sample = json.decode(file.read_bytes())
    told = clock_of(load(name)).read(sample["answer"].encode())

    assert told.isoformat() == sample["time"]


@EACH
@pytest.mark.parametrize("answer", [b"", b"{}", b"<html>", b"[]", b"null"])
def test_an_answer_that_tells_no_time_says_so(name: str, answer: bytes) -> None:
    with pytest.raises(ClockUnreadable):
        clock_of(load(name)).read(answer)


def test_an_exchange_that_is_asked_too_often_says_so_in_an_answer_like_others() -> None:
    with pytest.raises(AskedTooOften, match="Too many"):
        clock_of(load("kraken")).read(b'{"error":["EGeneral:Too many requests"]}')


@EACH
@pytest.mark.parametrize("seconds", [0, 0.7, 2.5, -40])
async def test_the_offset_is_found(name: str, seconds: float, tmp_path: Path) -> None:
    async with served() as sim:
        await sim.order(f"{name}/skew", seconds=seconds)
        found = await compared(sim, name, tmp_path)

    assert found.least <= seconds <= found.most
    assert found.uncertainty < 0.5
    assert found.beyond == (abs(seconds) > 1)


@EACH
async def test_a_clock_that_is_off_is_said_with_what_to_do(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served() as sim:
        await compared(sim, name, tmp_path)
        assert "clock_off" not in capsys.readouterr().out
        await sim.order(f"{name}/skew", seconds=-3)
        await compared(sim, name, tmp_path)

    said = capsys.readouterr().out
    assert "clock_off" in said and f"exchange={name}" in said and "NTP" in said


@EACH
async def test_an_exchange_that_does_not_answer_leaves_what_was_known(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange = load(name)
    async with served() as sim, line_at(sim, exchange, tmp_path) as line:
        watch = ClockWatch(
            exchange=name,
            clock=clock_of(exchange),
            line=line,
            every=timedelta(minutes=5),
        )
        await sim.order(f"{name}/rest", status=503)
        await watch.compare()
        assert watch.offset is None and "time_not_told" in capsys.readouterr().out
        await watch.compare()
        known = watch.offset
        assert known is not None
        await sim.order(f"{name}/rest", empty=True)
        await watch.compare()
        assert watch.offset is known and "time_not_told" in capsys.readouterr().out


def reply(asked: float, came: float) -> Reply:
    """Return an answer that was asked for and came so many seconds after noon."""
    return Reply(b"", NOON + timedelta(seconds=asked), NOON + timedelta(seconds=came))


def whole_seconds(told: int) -> Clock:
    return Clock(
        request=Request(path="/"),
        read=lambda _: NOON + timedelta(seconds=told),
        step=timedelta(seconds=1),
    )


def test_half_of_the_round_trip_and_of_the_step_is_the_uncertainty() -> None:
    found = offset(whole_seconds(5), reply(3.0, 3.4))

    assert (found.least, found.most) == pytest.approx((1.6, 3.0))
    assert found.middle == pytest.approx(2.3)
    assert found.uncertainty == pytest.approx(0.7)


def test_questions_at_other_parts_of_a_second_narrow_what_it_may_be() -> None:
    # The exchange is 0.4 s ahead: at 3.5 its clock says 3, and at 3.7 it says 4.
    early = offset(whole_seconds(3), reply(3.5, 3.5))
    late = offset(whole_seconds(4), reply(3.7, 3.7))
    found = early.narrowed(late)

    assert (found.least, found.most) == pytest.approx((0.3, 0.5))


def test_after_a_clock_was_set_what_was_found_before_counts_no_more() -> None:
    assert Offset(2.0, 2.2).narrowed(Offset(-0.1, 0.1)) == Offset(-0.1, 0.1)
