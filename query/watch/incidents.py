"""From what a look found to incidents that begin and end, once each: pure functions."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
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
    first_seen: datetime
    """The first of the looks in a row that saw it, until it is open."""
    opened_at: datetime | None = None
    missed_since: datetime | None = None
    """The first of the looks in a row that did not, since it is open."""

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
            "first_seen": text(self.first_seen),
            "opened_at": text(self.opened_at),
            "missed_since": text(self.missed_since),
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return what `told` said."""
        return cls(
            kind=Kind(row["kind"]),
            subject=str(row["subject"]),
            what=str(row["what"]),
            since=datetime.fromisoformat(row["since"]),
            # Books that were kept before have counts of looks in place of these two.
            first_seen=datetime.fromisoformat(row.get("first_seen") or row["since"]),
            opened_at=moment(row["opened_at"]),
            missed_since=moment(row.get("missed_since")),
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look changed: all incidents after it, and those that begin or end."""

    incidents: tuple[Incident, ...]
    opened: tuple[Incident, ...]
    recovered: tuple[Incident, ...]


def turn(before: Iterable[Incident], seen: Seen, now: datetime, bars: Bars) -> Turn:
    """Return what becomes of the incidents when one look has seen this.

    Looks in a row must have seen it for `open_after_s` to open one, and must not have
    seen it for `close_after_s` to close it, however many they were: one that comes and
    goes is told of once, and a person who looks again at once hastens nothing. A look
    that could not judge an incident changes nothing of it.
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
            gone = min(one.missed_since or now, now)
            over = now - gone >= timedelta(seconds=bars.close_after_s)
            after = replace(one, missed_since=gone)
            (recovered if over else kept).append(after)
    return Turn(tuple(kept), tuple(opened), tuple(recovered))


def seen_again(
    before: Incident | None, finding: Finding, now: datetime, bars: Bars
) -> Incident:
    """Return an incident that a look has seen; its beginning is the earliest told."""
    if before and before.opened:
        return replace(before, what=finding.what, missed_since=None)
    since = min(finding.since or now, before.since if before else now)
    # A clock that was set back since then delays nothing by more than the usual time.
    first = min(before.first_seen if before else now, now)
    held = now - first >= timedelta(seconds=bars.open_after_s)
    return Incident(
        kind=finding.kind,
        subject=finding.subject,
        what=finding.what,
        since=since,
        first_seen=first,
        opened_at=now if held else None,
    )


def text(moment: datetime | None) -> str | None:
    """Return a moment as text, UTC, to the second."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(words: str | None) -> datetime | None:
    """Return the moment that `text` wrote down."""
    return datetime.fromisoformat(words) if words else None
