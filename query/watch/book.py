"""The book of incidents: one file, replaced as a whole, that a person can read."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from query.watch.incidents import Incident
from query.watch.notices import Notice

MOST_WAITING = 500
"""Notices that wait for one notifier at most; then the oldest are let go."""


class BookBroken(Exception):
    """The book cannot be read; the message says what to do."""


class WatchBusy(Exception):
    """Another look is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Incidents, and for each notifier the notices that it has yet to deliver."""

    looked_at: str | None = None
    incidents: tuple[Incident, ...] = ()
    outbox: dict[str, list[Notice]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """Why a notifier could not deliver the last time."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what was kept; an empty one before the first look.

        Raises:
            BookBroken: the file is none that `keep` wrote.
        """
        file = place(folder)
        try:
            kept: dict[str, Any] = json.loads(file.read_text())
            return cls(
                looked_at=kept["looked_at"],
                incidents=tuple(map(Incident.of, kept["incidents"])),
                outbox=kept["outbox"],
                errors=kept["errors"],
            )
        except FileNotFoundError:
            return cls()
        except (ValueError, KeyError, TypeError) as error:
            raise BookBroken(
                f"{file} cannot be read ({error!r}): move it away; open incidents "
                "will be told of once more"
            ) from error

    def keep(self, folder: Path) -> None:
        """Put it on the disk, whole or not at all, also when the power fails."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = {
            "looked_at": self.looked_at,
            "incidents": [each.told() for each in self.incidents],
            "outbox": self.outbox,
            "errors": self.errors,
        }
        part = place(folder).with_suffix(".part")
        with part.open("w") as file:
            json.dump(kept, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place(folder))

    def told(self) -> dict[str, Any]:
        """Return the open incidents, and what the watch says of itself, for status."""
        return {
            "incidents": [each.told() for each in self.incidents if each.opened],
            "watch": {"looked_at": self.looked_at, "undelivered": self.undelivered()},
        }

    def undelivered(self) -> list[dict[str, Any]]:
        """Return each notifier that owes notices: how many, since when, and why."""
        return [
            {
                "notifier": name,
                "notices": len(waiting),
                "since": waiting[0]["at"],
                "error": self.errors.get(name, ""),
            }
            for name, waiting in self.outbox.items()
            if waiting
        ]


def place(folder: Path) -> Path:
    return folder / "incidents.json"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the book for one look.

    Raises:
        WatchBusy: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "watch.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise WatchBusy(
                "another look is under way: the next minute looks again"
            ) from held
        yield
