"""From what a look found to incidents that begin and end, once each: pure functions."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from query.watch.bars import Bars
from query.watch.findings import Finding, Seen
from query.watch.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One thing that is, or may be, wrong; it is open once people were told."""

    kind: Kind
    subject: str
    what: str
    since: datetime
    opened_at: datetime | None = None
    seen: int = 1
    """Looks in a row that saw it, until it is open."""
    missed: int = 0
    """Looks in a row that did not, since it is open."""

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.subject}"

    @property
    def opened(self) -> bool:
        return self.opened_at is not None

    @property
    def name(self) -> str:
        """What no other incident is called; the same in its first and last notice."""
        return f"{self.key}@{text(self.opened_at)}"

    def told(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self) | {
            "kind": str(self.kind),
            "since": text(self.since),
            "opened_at": text(self.opened_at),
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return what `told` said."""
        opened = row["opened_at"]
        return cls(
            kind=Kind(row["kind"]),
            subject=str(row["subject"]),
            what=str(row["what"]),
            since=datetime.fromisoformat(row["since"]),
            opened_at=datetime.fromisoformat(opened) if opened else None,
            seen=int(row["seen"]),
            missed=int(row["missed"]),
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look changed: all incidents after it, and those that begin or end."""

    incidents: tuple[Incident, ...]
    opened: tuple[Incident, ...]
    recovered: tuple[Incident, ...]


def turn(before: Iterable[Incident], seen: Seen, now: datetime, bars: Bars) -> Turn:
    """Return what becomes of the incidents when one look has seen this.

    It takes `open_after` looks in a row to open one, and `close_after` to close it, so
    that one which comes and goes is told of once. A look that could not judge an
    incident changes nothing of it.
    """
    known = {each.key: each for each in before}
    fresh = {each.key: each for each in seen.findings}
    kept: list[Incident] = []
    opened: list[Incident] = []
    recovered: list[Incident] = []
    for key in (*known, *(key for key in fresh if key not in known)):
        one = known.get(key)
        if finding := fresh.get(key):
            after = seen_again(one, finding, now, bars)
            if after.opened and not (one and one.opened):
                opened.append(after)
            kept.append(after)
        elif one and not seen.judges(key):
            kept.append(one)
        elif one and one.opened:
            after = replace(one, missed=one.missed + 1)
            (recovered if after.missed >= bars.close_after else kept).append(after)
    return Turn(tuple(kept), tuple(opened), tuple(recovered))


def seen_again(
    before: Incident | None, finding: Finding, now: datetime, bars: Bars
) -> Incident:
    """Return an incident that a look has seen; its beginning is the earliest told."""
    since = min(finding.since or now, before.since if before else now)
    seen = before.seen + 1 if before and not before.opened else 1
    if before and before.opened:
        return replace(before, what=finding.what, missed=0)
    return Incident(
        kind=finding.kind,
        subject=finding.subject,
        what=finding.what,
        since=since,
        seen=seen,
        opened_at=now if seen >= bars.open_after else None,
    )


def text(moment: datetime | None) -> str | None:
    """Return a moment as text, UTC, to the second."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
