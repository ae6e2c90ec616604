"""What people are told: that an incident begins, that it ends, or a trial."""

from datetime import datetime
from typing import TypedDict

from query.watch.incidents import Incident, text
from query.watch.kinds import ADVICE


class Notice(TypedDict):
    """What a notifier sends; `id` is the same however often it is sent."""

    id: str
    event: str
    """opened, recovered or test"""
    incident: str
    kind: str
    subject: str
    lake: str
    title: str
    text: str
    what: str
    since: str | None
    at: str | None
    next: str
    page: str
    link: str


def notice(
    incident: Incident, event: str, now: datetime, lake: str, link: str
) -> Notice:
    """Return what is told of an incident that begins (`opened`) or ends."""
    advice = ADVICE[incident.kind]
    about = f" {incident.subject}" if incident.subject else ""
    title = f"[{lake}] {incident.kind}{about}: {event}"
    since, at = text(incident.since), text(now)
    lines = [title, incident.what, f"since {since}"]
    if event == "recovered":
        lines[1] = f"was: {incident.what}"
        lines.append(f"over at {at}")
    else:
        lines += [f"next: {advice.next}", f"read: {advice.page}", link]
    return Notice(
        id=f"{incident.name}/{event}",
        event=event,
        incident=incident.name,
        kind=str(incident.kind),
        subject=incident.subject,
        lake=lake,
        title=title,
        text="\n".join(lines),
        what=incident.what,
        since=since,
        at=at,
        next=advice.next,
        page=advice.page,
        link=link,
    )


def trial(now: datetime, lake: str, link: str) -> Notice:
    """Return a notice that says it is only a test."""
    at = text(now)
    what = "a test alert: whoever reads this is reached"
    title = f"[{lake}] test"
    return Notice(
        id=f"test@{at}",
        event="test",
        incident=f"test@{at}",
        kind="test",
        subject="",
        lake=lake,
        title=title,
        text=f"{title}\n{what}\n{at}",
        what=what,
        since=at,
        at=at,
        next="nothing",
        page="docs/alerts.md",
        link=link,
    )
