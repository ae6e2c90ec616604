"""The way into Kafka: every message once and in order, or a loud end."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog
from confluent_kafka import KafkaError, Message, Producer

from ingestion.delivery import Deliveries
from ingestion.exchange import Frame, FrameRejected
from ingestion.rejection import Rejection
from ingestion.room import REMEDY, SAID_AGAIN_AFTER, Room
from ingestion.wire import header, packed_rejection, packed_trade
from schemas.rejected import RejectedFrame
from schemas.topic import REJECTED, TRADES
from schemas.trade import Trade

log = structlog.get_logger()

LARGEST_FRAME = 16 * 1024 * 1024
LARGEST_MESSAGE = LARGEST_FRAME + 64 * 1024
"""A frame that nobody could read goes to Kafka whole, whatever its size."""
QUIET = 2
"""librdkafka writes a line for each failed attempt, 20 a second: we say it once."""


class DeliveryFailed(Exception):
    """Kafka refused a message for good: a trade is missing, so a person must know."""


def producer_settings(servers: str, queue_messages: int) -> dict[str, str | int | bool]:
    """Return librdkafka's settings: nothing lost, doubled, reordered or expired."""
    return {
        "bootstrap.servers": servers,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 5,
        # Never: a broker that is away for an hour must find every message waiting.
        "message.timeout.ms": 0,
        "message.max.bytes": LARGEST_MESSAGE,
        "queue.buffering.max.messages": queue_messages,
        "queue.buffering.max.kbytes": 512 * 1024,
        # As Java's clients do it: a symbol has one partition, whoever writes.
        "partitioner": "murmur2_random",
        "delivery.report.only.error": True,
        "reconnect.backoff.max.ms": 2000,
        "topic.metadata.refresh.interval.ms": 10_000,
        "log_level": QUIET,
    }


class Publisher:
    """Puts one exchange's messages into Kafka's queue; a full queue makes it wait."""

    def __init__(
        self,
        exchange: str,
        settings: dict[str, str | int | bool],
        trades_schema: int,
        rejected_schema: int,
    ) -> None:
        self.failure: str | None = None
        self._room = Room(exchange)
        self._cut: deque[Rejection] = deque()
        """Frames that Kafka refused for their size, to be sent in part."""
        self.deliveries = Deliveries()
        self._said_at = -SAID_AGAIN_AFTER
        self._exchange = exchange
        self._trades = TRADES.name(exchange)
        self._rejected = REJECTED.name(exchange)
        self._trade_header = header(trades_schema)
        self._rejected_header = header(rejected_schema)
        self._producer = Producer(
            settings
            | {
                "error_cb": self._on_error,
                "on_delivery": self._on_delivery,
            }
        )

    @property
    def waiting(self) -> int:
        """How many messages Kafka has not acknowledged."""
        return len(self._producer) + len(self._cut)

    @property
    def full(self) -> bool:
        """Whether there is no room, so that nobody reads."""
        return self._room.none_since is not None

    def packed(self, trade: Trade) -> tuple[bytes, bytes]:
        """Return key and value of a trade's message.

        Raises:
            FrameRejected: one of its numbers does not fit.
        """
        return trade.symbol.encode(), packed_trade(trade, self._trade_header)

    async def publish(self, key: bytes, value: bytes) -> None:
        """Queue a trade; returns when there was room for it."""
        put: Callable[..., None] = self._producer.produce
        if self.deliveries.since is None:
            put = partial(put, on_delivery=self.deliveries.timed(self._on_delivery))
        try:
            put(self._trades, value, key)
        except BufferError:
            await self._once_taken(partial(put, self._trades, value, key))

    async def reject(self, frame: Frame, why: FrameRejected, source: str) -> None:
        """Queue a frame that nobody could read, as it came, with the reason.

        Where the topic does not take so much, it goes there in part, with its length
        and SHA-256.
        """
        rejected = RejectedFrame(
            exchange=self._exchange.upper(),
            error_reason=why.error_reason,
            error_detail=why.detail,
            source=source,
            ingestion_timestamp=frame.received_at,
            frame=frame.payload,
        )
        rejection = Rejection(rejected, len(frame.payload))
        try:
            self._produce_rejection(rejection)
        except BufferError:
            await self._once_taken(partial(self._produce_rejection, rejection))

    async def _once_taken(self, put: Callable[[], None]) -> None:
        """Put a message that was refused, again and again.

        While we wait nobody reads, and the exchange's socket fills.
        """
        with self._room.wanted():
            while True:
                self._room.refuse(self.waiting)
                self.serve()
                await asyncio.sleep(0.02)
                try:
                    put()
                except BufferError:
                    continue
                return

    def _produce_rejection(self, rejection: Rejection) -> None:
        self._producer.produce(
            self._rejected,
            packed_rejection(rejection.cut, self._rejected_header),
            on_delivery=partial(self._on_rejected, rejection),
        )

    def serve(self) -> None:
        """Run what Kafka has to report.

        Raises:
            DeliveryFailed: a message was refused for good.
        """
        self._producer.poll(0)
        self._send_cut()
        self._room.look(self.waiting)
        if self.failure:
            raise DeliveryFailed(self.failure)

    def _send_cut(self) -> None:
        while self._cut:
            try:
                self._produce_rejection(self._cut[0])
            except BufferError:
                return
            self._cut.popleft()

    async def flush(self, allowed: timedelta) -> int:
        """Wait for acknowledgements; return how many messages never got one."""
        return await asyncio.to_thread(self._flush, allowed.total_seconds())

    def _flush(self, seconds: float) -> int:
        until = time.monotonic() + seconds
        left = self._producer.flush(seconds)
        while self._cut and (rest := until - time.monotonic()) > 0:
            self._send_cut()
            left = self._producer.flush(rest)
        return left + len(self._cut)

    def _on_error(self, error: KafkaError) -> None:
        now = time.monotonic()
        if now - self._said_at > SAID_AGAIN_AFTER:
            log.warning(
                "kafka_away",
                why=error.str(),
                waiting=self.waiting,
                remedy=REMEDY,
            )
            self._said_at = now
        if error.fatal():
            self.failure = f"Kafka ended this producer: {error.str()}"

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failure = f"{message.topic()} refused a message: {error.str()}"
            log.error(
                "delivery_failed",
                topic=message.topic(),
                why=error.str(),
                remedy="capture begins again, and what waited is missing until it is"
                " filled; is the topic as `python -m ingestion topics` makes it?",
            )

    def _on_rejected(
        self, rejection: Rejection, error: KafkaError | None, message: Message
    ) -> None:
        too_large = error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE
        if too_large and (smaller := rejection.halved()):
            log.warning(
                "rejected_frame_cut",
                topic=message.topic(),
                bytes=len(rejection.whole.frame),
                kept=smaller.kept,
                remedy=f"give the topic max.message.bytes={LARGEST_MESSAGE}",
            )
            self._cut.append(smaller)
        else:
            self._on_delivery(error, message)
