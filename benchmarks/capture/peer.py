"""The peer: cryptofeed, as its own documents use it, into nothing or into Kafka.

It runs in an environment of its own, with cryptofeed's own websockets and event loop.
"""

import sys
import time
from array import array
from pathlib import Path

from cryptofeed import FeedHandler
from cryptofeed import feed as feeds
from cryptofeed.backends.kafka import TradeKafka
from cryptofeed.connection import WSAsyncConn
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import EXCHANGE_MAP

from benchmarks.capture.told import reader_arguments, say


class Unencrypted(WSAsyncConn):
    """A connection that may be without TLS, which it refuses by its address alone."""

    def __init__(self, address: str, *told: object, **more: object) -> None:
        super().__init__(address.replace("ws://", "wss://", 1), *told, **more)
        self.address = address


class OneTopic(TradeKafka):
    """Its Kafka backend, with all trades in a topic that is watched."""

    def __init__(self, topic: str, servers: str) -> None:
        super().__init__(bootstrap_servers=servers, acks="all")
        self._topic = topic

    def topic(self, data: dict[str, object]) -> str:
        return self._topic


class Nothing:
    """Counts trades and notes when each was there."""

    def __init__(self, count: int, notes: Path | None) -> None:
        self.count = count
        self.notes = notes
        self.read_at = array("q")

    async def take(self, trade: object, received_at: float) -> None:
        self.read_at.append(time.monotonic_ns())
        if len(self.read_at) == self.count:
            ended = time.monotonic()
            if self.notes:
                self.notes.write_bytes(self.read_at.tobytes())
            # Who hears this ends us at once.
            say(acked=self.count, at=ended)


def main() -> None:
    """Read until ended."""
    parser = reader_arguments(__doc__)
    parser.add_argument("--kafka", nargs=2, metavar=("SERVERS", "TOPIC"))
    asked = parser.parse_args()
    feeds.WSAsyncConn = Unencrypted
    feed = EXCHANGE_MAP[asked.exchange.upper()]
    below = f"{asked.at}/{asked.exchange}"
    feed.rest_endpoints[0].address = below
    feed.websocket_endpoints[0].address = below.replace("http", "ws")
    if asked.kafka:
        servers, topic = asked.kafka
        into: object = OneTopic(topic, servers)
    else:
        into = Nothing(asked.count, asked.notes).take
    log = {"filename": "/dev/stderr", "level": "WARNING"}
    handler = FeedHandler(config={"log": log})
    symbols = feed.symbols()
    handler.add_feed(feed(symbols=symbols, channels=[TRADES], callbacks={TRADES: into}))
    handler.run()


if __name__ == "__main__":
    sys.exit(main())
