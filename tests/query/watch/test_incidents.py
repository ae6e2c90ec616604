"""An incident is told of once and its end once, whatever comes and goes between."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from query.watch.bars import Bars
from query.watch.findings import Finding, Seen, blind
from query.watch.incidents import Incident, Turn, turn
from query.watch.kinds import Kind

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
BARS = Bars()
LATE = Finding(kind=Kind.GOLD_LATE, subject="acme", what="gold is late")
OTHER = Finding(kind=Kind.LANE_CLOSED, subject="ajax", what="closed")
WRONG, WELL = Seen((LATE,)), Seen(())
UNKNOWN = Seen((), frozenset({LATE.key}))
BLIND = blind("the catalog is away")
LOOKS = {"x": WRONG, ".": WELL, "?": UNKNOWN, "b": BLIND}


def sequence(looks: Sequence[Seen], bars: Bars = BARS) -> list[str]:
    """Return what is told after each look: which begin (+) and which end (-)."""
    incidents: tuple[Incident, ...] = ()
    said = []
    for minute, seen in enumerate(looks):
        after = turn(incidents, seen, NOON + timedelta(minutes=minute), bars)
        # They survive being kept as text.
        incidents = tuple(Incident.of(each.told()) for each in after.incidents)
        assert incidents == after.incidents
        begun = [f"+{each.key}" for each in after.opened]
        said.append(" ".join(begun + [f"-{each.key}" for each in after.recovered]))
    return said


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ("x.x.x.x.", "........"),  # a blip is no incident, however often it comes
        ("xx", ".+"),
        ("xxxxxx", ".+...."),  # told of once
        ("xx.", ".+."),
        ("xx..", ".+.-"),
        ("xx.x.x.x.x", ".+........"),  # nor does its end come and go
        ("xx.x..", ".+...-"),
        ("xx..xx..", ".+.-.+.-"),  # a new one is told of anew
        ("x?x", "..+"),  # what nobody could see neither counts nor forgives
        ("xx?????", ".+....."),
        ("xx.?.", ".+..-"),
        ("xx??..", ".+...-"),
        ("?.", ".."),
    ],
)
def test_one_incident_is_told_of_in_order(looks: str, told: str) -> None:
    signs = [each[:1] or "." for each in sequence([LOOKS[one] for one in looks])]

    assert "".join(signs) == told


def test_beginnings_and_ends_take_turns_in_every_sequence_of_seven_looks() -> None:
    for looks in itertools.product("x.?", repeat=7):
        told = sequence([LOOKS[one] for one in looks])
        signs = "".join(each[:1] for each in told)
        word = "".join(looks)

        assert signs == ("+-" * 7)[: len(signs)], word
        # None is told of that was not seen twice in a row, and none that was is not.
        steady = "xx" in word.replace("?", "")
        assert bool(signs) == steady, word
        for at, sign in enumerate(told):
            if sign.startswith("-"):
                assert looks[at] == "."


def test_while_the_watch_is_blind_nothing_recovers_and_it_says_so_once() -> None:
    told = sequence([WRONG, WRONG, BLIND, BLIND, BLIND, WRONG, WELL, WELL])

    assert told[1] == "+gold_late:acme"
    assert told[3] == "+watch_blind:"
    assert told[4:6] == ["", ""]
    # The watch sees again; and what it sees then is judged by what it sees.
    assert told[6] == "-watch_blind:"
    assert told[7] == "-gold_late:acme"


def test_incidents_do_not_know_each_other() -> None:
    both = Seen((LATE, OTHER))
    told = sequence([WRONG, both, both, Seen((OTHER,)), Seen((OTHER,))])

    assert told == [
        "",
        "+gold_late:acme",
        "+lane_closed:ajax",
        "",
        "-gold_late:acme",
    ]


def test_settings_say_how_long_it_has_to_hold() -> None:
    at_once = Bars(open_after_s=0, close_after_s=0)

    assert sequence([WRONG, WELL, WRONG], at_once) == [
        "+gold_late:acme",
        "-gold_late:acme",
        "+gold_late:acme",
    ]
    assert sequence(
        [WRONG] * 3 + [WELL] * 3, Bars(open_after_s=90, close_after_s=90)
    ) == [
        "",
        "",
        "+gold_late:acme",
        "",
        "",
        "-gold_late:acme",
    ]


def at(incidents: tuple[Incident, ...], seen: Seen, second: float) -> Turn:
    return turn(incidents, seen, NOON + timedelta(seconds=second), BARS)


def test_looks_of_one_moment_are_no_more_than_one() -> None:
    """A person who looks three times within seconds tells nobody anything."""
    after = Turn((), (), ())
    for second in (0, 3, 6, 44):
        after = at(after.incidents, WRONG, second)
        assert after.opened == ()
    after = at(after.incidents, WRONG, 45)
    assert [each.key for each in after.opened] == [LATE.key]

    for second in (60, 63, 104):
        after = at(after.incidents, WELL, second)
        assert after.recovered == ()
    assert at(after.incidents, WELL, 105).recovered


def test_time_counts_from_the_last_time_that_it_was_otherwise() -> None:
    after = at((), WRONG, 0)
    after = at(after.incidents, WELL, 10)
    after = at(after.incidents, WRONG, 50)
    assert at(after.incidents, WRONG, 90).opened == ()
    after = at(after.incidents, WRONG, 95)
    assert after.opened

    after = at(after.incidents, WELL, 100)
    after = at(after.incidents, WRONG, 110)
    after = at(after.incidents, WELL, 150)
    assert at(after.incidents, WELL, 190).recovered == ()
    assert at(after.incidents, WELL, 195).recovered


def test_a_clock_that_is_set_back_holds_up_nothing_for_long() -> None:
    after = at((), WRONG, 3600)
    after = at(after.incidents, WRONG, 0)
    after = at(after.incidents, WRONG, 45)
    assert after.opened

    after = at(after.incidents, WELL, 3600)
    after = at(after.incidents, WELL, 100)
    assert at(after.incidents, WELL, 145).recovered


def test_a_book_that_counted_looks_is_read_on() -> None:
    old = {"kind": "gold_late", "subject": "acme", "what": "gold is late"}
    old |= {"since": "2026-11-29T11:00:00Z", "seen": 1, "missed": 1}
    waiting = Incident.of(old | {"opened_at": None})
    told = Incident.of(old | {"opened_at": "2026-11-29T11:01:00Z"})

    assert [each.key for each in at((waiting,), WRONG, 0).opened] == [LATE.key]
    assert at((told,), WRONG, 0).opened == ()


def test_it_began_when_the_figures_say_or_when_it_was_first_seen() -> None:
    early = NOON - timedelta(hours=1)
    known = Finding(kind=Kind.GAP_OPEN, subject="acme", what="gap", since=early)
    one = turn((), Seen((LATE, known)), NOON, BARS)
    later = NOON + timedelta(minutes=1)
    two = turn(one.incidents, Seen((LATE, known)), later, BARS)

    since = {each.kind: each.since for each in two.opened}
    assert since == {Kind.GOLD_LATE: NOON, Kind.GAP_OPEN: early}
    names = {each.name for each in two.opened}
    assert "gold_late:acme@2026-11-29T12:01:00Z" in names
