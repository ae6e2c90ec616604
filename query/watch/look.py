"""One look at everything, and telling people what has changed since the last one."""

import threading
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from query.airflow_api import Airflow
from query.completeness import owing
from query.drills import last_drill
from query.reading.lake import Lake
from query.settings import Settings
from query.status import lane_watched, now
from query.watch.bars import Bars
from query.watch.book import MOST_WAITING, Book, alone
from query.watch.findings import Seen, blind, found
from query.watch.incidents import text, turn
from query.watch.notices import Notice, notice
from query.watch.notifiers import NotDelivered, Notifier, asked, host_of, notifiers

LOOK_S = 45
"""Whoever does not answer for so long is away: the next look comes each minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a look needs to know beside the settings of reading."""

    bars: Bars
    folder: Path
    lake: str
    """The name of this lake in every notice."""
    link: str
    notifiers: tuple[Notifier, ...]
    heartbeat: str
    secrets: tuple[str, ...]
    """Never shown, whoever's error holds them."""

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for; KeyError names what it lacks.

        Raises:
            SettingRefused: a setting cannot be used.
        """
        folder = Path(env["BULLION_ALERTS"])
        return cls(
            bars=Bars.read(env),
            folder=folder,
            lake=env.get("BULLION_ALERT_NAME") or "bullion",
            link=env.get("BULLION_ALERT_LINK") or env.get("BULLION_AIRFLOW_URL") or "",
            notifiers=notifiers(env, folder),
            heartbeat=env.get("BULLION_HEARTBEAT_URL") or "",
            secrets=secrets(env),
        )


def secrets(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that nobody may see, the longest first."""
    marks = ("PASSWORD", "SECRET_KEY", "ACCESS_KEY", "WEBHOOK", "HEARTBEAT_URL")
    found = {
        value
        for name, value in env.items()
        if name.startswith("BULLION_") and name.endswith(marks) and len(value) > 3
    }
    return tuple(sorted(found, key=len, reverse=True))


def watched(settings: Settings) -> dict[str, Any]:
    """Return the part of `status` that is watched; what counts whole tables is not."""
    with Lake(settings) as lake:
        flow = Airflow(settings)
        return {
            "at": now().isoformat(timespec="seconds"),
            "lanes": [lane_watched(lake, flow, each) for each in settings.exchanges],
            "completeness": owing(lake),
            "drill": last_drill(settings.backups),
            "failed_dags": flow.failed_dags(),
            "airflow": flow.state,
        }


def seen(told: Callable[[], Mapping[str, Any]], watch: Watch) -> Seen:
    """Return what a look finds; that it fails, or takes too long, is a finding too."""
    answer: list[Seen] = []

    def look() -> None:
        try:
            answer.append(found(told(), watch.bars))
        # Whatever hinders the watch from looking has to be told, and not raised.
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0][:200]
            answer.append(blind(f"{type(error).__name__}: {hidden(first, watch)}"))

    # A thread, since a client may wait for ever in code that no signal interrupts.
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(LOOK_S)
    return answer[0] if answer else blind(f"no answer within {LOOK_S} s")


def hidden(words: str, watch: Watch) -> str:
    """Return words without any secret."""
    for secret in watch.secrets:
        words = words.replace(secret, "***")
    return words


def look(
    watch: Watch, told: Callable[[], Mapping[str, Any]], moment: datetime
) -> dict[str, Any]:
    """Look once, keep what was seen, tell what is new; return a report.

    The moment of the look, aware UTC, decides what has held for long enough.

    What is to be told is kept before it is sent, and crossed out once it was taken: a
    notice is lost by no failure, and sent twice only if the process dies in between.

    Raises:
        WatchBusy: another look is under way.
        BookBroken: what earlier looks kept cannot be read.
    """
    with alone(watch.folder):
        book, this = Book.read(watch.folder), seen(told, watch)
        after = turn(book.incidents, this, moment, watch.bars)
        fresh = [
            notice(each, event, moment, watch.lake, watch.link)
            for event, those in (
                ("opened", after.opened),
                ("recovered", after.recovered),
            )
            for each in those
        ]
        book = replace(
            book,
            looked_at=text(moment),
            incidents=after.incidents,
            outbox=posted(book.outbox, watch.notifiers, fresh),
        )
        book.keep(watch.folder)
        book = delivered(book, watch)
    is_blind = "*" in this.unknown
    return {
        "looked_at": book.looked_at,
        "blind": is_blind,
        "found": [each.what for each in this.findings],
        "told": [each["title"] for each in fresh],
        "open": [each.key for each in book.incidents if each.opened],
        "undelivered": book.undelivered(),
        "heartbeat": "" if is_blind else beaten(watch, moment),
    }


def posted(
    outbox: Mapping[str, list[Notice]],
    tell: Iterable[Notifier],
    fresh: list[Notice],
) -> dict[str, list[Notice]]:
    """Return what each notifier owes now, the newest last; the oldest are let go."""
    return {
        each.name: [*outbox.get(each.name, ()), *fresh][-MOST_WAITING:] for each in tell
    }


def delivered(book: Book, watch: Watch) -> Book:
    """Return the book after each notifier sent what it owes, in order.

    One that fails is not asked again before the next look, and holds up no other.
    """
    for each in watch.notifiers:
        while waiting := book.outbox[each.name]:
            errors = {k: v for k, v in book.errors.items() if k != each.name}
            why = sent(each, waiting[0], watch)
            left = waiting if why else waiting[1:]
            book = replace(
                book,
                outbox=book.outbox | {each.name: left},
                errors=errors | ({each.name: why} if why else {}),
            )
            book.keep(watch.folder)
            if why:
                break
    return book


def sent(notifier: Notifier, what: Notice, watch: Watch) -> str:
    """Send a notice; return why it was not taken, or nothing."""
    try:
        notifier.send(what)
    except NotDelivered as error:
        return hidden(str(error), watch)
    # A notifier may be the user's own, and raise anything.
    except Exception as error:
        return hidden(f"{type(error).__name__}: {error}", watch)
    return ""


def beaten(watch: Watch, moment: datetime) -> str:
    """Tell the dead man's switch that a look was good; return why that failed."""
    if not watch.heartbeat:
        return ""
    try:
        host = host_of(watch.heartbeat, "BULLION_HEARTBEAT_URL")
        request = urllib.request.Request(watch.heartbeat)
        asked(request, host, timeout_s=5)
    except (NotDelivered, ValueError) as error:
        return hidden(str(error), watch)
    return ""
