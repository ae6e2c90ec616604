"""How long messages take to be acknowledged, told by one of them at a time."""

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, Message

from ingestion.histogram import Histogram

Report = Callable[[KafkaError | None, Message], None]


class Deliveries:
    """Times a message, and once it is acknowledged the next one."""

    def __init__(self) -> None:
        self.took = Histogram()
        self.since: float | None = None
        """When the message that is timed now was published (`time.monotonic`).

        `None` while none is timed.
        """

    def timed(self, report: Report) -> "Timed":
        """Return what times the message that is published now; none is timed yet."""
        self.since = time.monotonic()
        return Timed(self, report)

    def waited(self) -> float:
        """Return the seconds that the message timed now waits; 0 if there is none."""
        since = self.since
        return 0.0 if since is None else time.monotonic() - since

    def acknowledged(self) -> None:
        """Note that the message timed now was acknowledged."""
        if self.since is not None:
            self.took.count(time.monotonic() - self.since)
            self.since = None


class Timed:
    """The delivery report of one message, which learns of a success by its own end.

    With `delivery.report.only.error` no report is called for a message that Kafka
    took, which keeps Python out of the way of all others. But the client lets go of
    the report then, and nobody else holds it.
    """

    __slots__ = ("_deliveries", "_report")

    def __init__(self, deliveries: Deliveries, report: Report) -> None:
        self._deliveries = deliveries
        self._report = report

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        self._report(error, message)

    def __del__(self) -> None:
        self._deliveries.acknowledged()
