"""The peer of `bench lake`: a consumer in Python that appends with pyiceberg.

What a data engineer writes in an afternoon: it takes a batch, appends it, and has no
answer to a crash between the append and the consumer's commit.
"""

import os
import sys
import time

import pyarrow as pa
from confluent_kafka import Consumer

from expectations.catalog import open_catalog
from schemas.topic import TRADES

FIELDS = pa.schema(
    [
        pa.field("raw_bytes", pa.binary()),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
    ]
)


def main(exchange: str, count: int) -> float:
    """Carry so many messages into a table of its own; return rows a second."""
    table = open_catalog(os.environ).create_table("market_data.peer", FIELDS)
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["BULLION_KAFKA_SERVERS"],
            "group.id": "peer",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([TRADES.name(exchange)])
    began, rows = 0.0, 0
    while rows < count:
        messages = consumer.consume(100_000, timeout=5)
        if not messages:
            continue
        began = began or time.monotonic()
        lines = [
            {
                "raw_bytes": message.value(),
                "topic": message.topic(),
                "partition": message.partition(),
                "offset": message.offset(),
            }
            for message in messages
        ]
        table.append(pa.Table.from_pylist(lines, FIELDS))
        rows += len(lines)
    consumer.close()
    return rows / (time.monotonic() - began)


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
