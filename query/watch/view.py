"""Open incidents as people read them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape

from query.watch.kinds import ADVICE, Kind

LONG_AGO = timedelta(minutes=5)
"""Without a look; the DAG `watch` looks each minute."""


def incidents(told: dict[str, Any], now: datetime | None = None) -> RenderableType:
    """Return a line for each open incident, and one for each thing untold."""
    lines = [line(each) for each in told["incidents"]]
    lines += [owed(each) for each in told["watch"]["undelivered"]]
    if stale := unwatched(told["watch"]["looked_at"], now or datetime.now(UTC)):
        lines.append(f"[yellow]{stale}[/]")
    elif not told["incidents"]:
        lines.append("incidents: [green]none[/]")
    return Group(*lines)


def line(incident: dict[str, Any]) -> str:
    advice = ADVICE[Kind(incident["kind"])]
    return (
        f"[bold red]{incident['kind']}[/] since {incident['since']}: "
        f"{escape(incident['what'])}; {escape(advice.next)} ({advice.page})"
    )


def owed(each: dict[str, Any]) -> str:
    return (
        f"[bold red]{each['notices']} alerts wait for {escape(each['notifier'])}[/] "
        f"since {each['since']}: {escape(each['error'])}"
    )


def unwatched(looked_at: str | None, now: datetime) -> str:
    """Return what to say where nobody has looked for long; nothing else."""
    if looked_at is None:
        return "nobody has looked for incidents yet: the DAG watch does, each minute"
    ago = now - datetime.fromisoformat(looked_at)
    if ago <= LONG_AGO:
        return ""
    return (
        f"nobody has looked for incidents for {ago.total_seconds() / 60:.0f} minutes: "
        "is the DAG watch paused, or the scheduler down? See docs/alerts.md"
    )
