"""Whether there is room for messages, and what is said while there is none."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

log = structlog.get_logger()
SAID_AGAIN_AFTER = 30.0
"""Seconds after which a lasting trouble with Kafka is logged once more."""
AGAIN_AFTER = 1.0
"""Seconds without a refusal after which there is room again."""
REMEDY = (
    "is Kafka up, and has its disk room? it goes on by itself; see"
    " docs/runbooks/pressure.md"
)


@dataclass(slots=True)
class Room:
    """A queue's room as those see it who put messages in; times are monotonic."""

    exchange: str
    held: int = 0
    """How many hold a message that was refused, and have not got rid of it."""
    none_since: float | None = None
    refused_at: float = 0.0
    said_at: float = 0.0

    def refuse(self, waiting: int) -> None:
        """Note that the queue took nothing, and say so now and then."""
        self.refused_at = now = time.monotonic()
        if self.none_since is None:
            self.none_since = now
        elif now - self.said_at < SAID_AGAIN_AFTER:
            return
        self.said_at = now
        log.warning(
            "buffer_full",
            exchange=self.exchange,
            waiting=waiting,
            for_s=round(now - self.none_since),
            what="nothing is read until Kafka takes messages",
            remedy=REMEDY,
        )

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Note that a message waits outside: until it is in, there is no room."""
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

    def look(self, waiting: int) -> None:
        """Note that there is room, once nothing was refused for a while.

        Time alone does not tell: whoever asks may have stood still for as long.
        """
        now = time.monotonic()
        if self.none_since is None or self.held:
            return
        if now - self.refused_at > AGAIN_AFTER:
            log.info(
                "buffer_has_room",
                exchange=self.exchange,
                waiting=waiting,
                was_full_s=round(now - self.none_since, 1),
            )
            self.none_since = None
