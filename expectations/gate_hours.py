"""The hours of a lane's gates: how often each expectation was met, and how nearly."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Hour:
    """What the gates of one hour noted."""

    hour: str
    """UTC, such as `2026-11-22T13`."""
    gates: int = 0
    rows: int = 0
    """Over which they stood; a closed gate stands over the same rows each time."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """How many gates passed, warned, closed, or could not be asked (`error`)."""
    not_met: dict[str, int] = field(default_factory=dict)
    """In how many gates each expectation was not met; others were met in all."""
    measured: dict[str, list[float]] = field(default_factory=dict)
    """Lowest and highest of what was measured: a figure, or rows at fault."""

    def add(self, other: "Hour") -> None:
        """Take in other gates of the same hour."""
        self.gates += other.gates
        self.rows += other.rows
        for mine, its in (
            (self.outcomes, other.outcomes),
            (self.not_met, other.not_met),
        ):
            for name, times in its.items():
                mine[name] = mine.get(name, 0) + times
        for name, (low, high) in other.measured.items():
            known = self.measured.get(name, [low, high])
            self.measured[name] = [min(known[0], low), max(known[1], high)]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def by_hour(notes: Iterable[Mapping[str, Any]]) -> list[Hour]:
    """Return the hours of what gates noted, ascending."""
    return merged(map(of_one, notes))


def of_one(note: Mapping[str, Any]) -> Hour:
    """Return an hour with this one gate in it."""
    could_be_asked = note["outcome"] != "error"
    measured = note.get("measured", {})
    return Hour(
        hour=note["at"][:13],
        gates=1,
        rows=int(note["rows"]),
        outcomes={note["outcome"]: 1},
        not_met=dict.fromkeys(note["failed"], 1) if could_be_asked else {},
        measured={name: [value, value] for name, value in measured.items()},
    )


def merged(hours: Iterable[Hour]) -> list[Hour]:
    """Return each hour once, ascending."""
    found: dict[str, Hour] = {}
    for each in hours:
        found.setdefault(each.hour, Hour(each.hour)).add(each)
    return [found[hour] for hour in sorted(found)]
