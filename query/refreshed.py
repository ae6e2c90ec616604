"""Answers that are kept fresh in the background, and only while somebody asks."""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from query.catalog import open_catalog
from query.page import Answer, Part, Sources, parts
from query.settings import Settings
from query.why import why

log = logging.getLogger(__name__)
IDLE_S = 30.0
"""How long after the last question the asking ends."""
REST = 4
"""A part rests at least so many times as long as its answer took."""
TICK_S = 0.5
CLOSING_S = 30.0


class Refreshed:
    """The last answer of each part, for any number of readers in one process.

    Each process that serves the page has its own, and its own thread: nothing is
    shared between them, and nothing runs in one that nobody asks.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Callable[[], Sources],
        asked: tuple[Part, ...] | None = None,
        idle_s: float = IDLE_S,
    ) -> None:
        self.settings = settings
        self._sources = sources
        self._parts = parts(settings) if asked is None else asked
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._done: dict[str, float] = {}
        self._wanted_until = 0.0
        self._thread: threading.Thread | None = None
        self._closed = False

    def answers(self) -> Mapping[str, Answer]:
        """Return what is known now, at once; newer answers come in the background."""
        with self._lock:
            self._wanted_until = time.monotonic() + self._idle_s
            alive = self._thread is not None and self._thread.is_alive()
            if not alive and not self._closed:
                self._thread = threading.Thread(
                    target=self._refresh, name="lakehouse-page", daemon=True
                )
                self._thread.start()
            return dict(self._answers)

    def close(self) -> None:
        """End the asking, once the part that is being asked has answered.

        An interpreter that ends while a thread is inside DuckDB or librdkafka aborts.
        """
        with self._lock:
            self._closed, thread = True, self._thread
        if thread is not None:
            thread.join(CLOSING_S)

    def _refresh(self) -> None:
        while self._is_wanted():
            due = [part for part in self._parts if self._is_due(part)]
            if due:
                self._round(due)
            time.sleep(TICK_S)

    def _is_wanted(self) -> bool:
        """Return whether to go on; if not, the next question begins a new thread."""
        with self._lock:
            if time.monotonic() < self._wanted_until and not self._closed:
                return True
            self._thread = None
            return False

    def _is_due(self, part: Part) -> bool:
        if part.name not in self._done:
            return True
        rest = max(part.every_s, REST * self._answers[part.name].took_s)
        return time.monotonic() - self._done[part.name] >= rest

    def _round(self, due: list[Part]) -> None:
        sources = self._sources()
        try:
            for part in due:
                if self._closed:
                    return
                answer = asked(part, sources, self._answers.get(part.name, Answer()))
                with self._lock:
                    self._answers[part.name] = answer
                self._done[part.name] = time.monotonic()
        finally:
            sources.close()


def asked(part: Part, sources: Sources, before: Answer) -> Answer:
    """Return a part's new answer, or the one before and why there is no newer."""
    began, at = time.monotonic(), datetime.now(UTC)
    try:
        told = part.ask(sources)
    # Whatever it is must neither end the thread nor hide: page and log tell it.
    except Exception as error:
        log.warning("the page's %s could not be asked", part.name, exc_info=True)
        return replace(before, took_s=time.monotonic() - began, error=why(error))
    return Answer(told, at, time.monotonic() - began)


def refreshed(settings: Settings) -> Refreshed:
    """Return the page's answers, all asked over one catalog, until the process ends."""
    catalog = open_catalog(settings)
    answers = Refreshed(settings, lambda: Sources(settings, catalog))
    atexit.register(answers.close)
    return answers
