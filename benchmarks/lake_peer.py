"""The peer of `bench lake`: a consumer in Python that appends with pyiceberg.

What a data engineer writes in an afternoon: it takes a batch, appends it, and has no
answer to a crash between the append and the consumer's commit.
"""

import os
import sys
import time

import pyarrow as pa
from confluent_kafka import Consumer
from pyiceberg.catalog.sql import SqlCatalog

from schemas.table import CATALOG
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
    env = os.environ
    user = f"{env['BULLION_CATALOG_USER']}:{env['BULLION_CATALOG_PASSWORD']}"
    catalog = SqlCatalog(
        CATALOG,
        **{
            "uri": f"postgresql+psycopg2://{user}@{env['BULLION_CATALOG']}",
            "init_catalog_tables": "false",
            "warehouse": env["BULLION_WAREHOUSE"],
            "s3.endpoint": env["BULLION_S3_ENDPOINT"],
            "s3.access-key-id": env["BULLION_S3_ACCESS_KEY"],
            "s3.secret-access-key": env["BULLION_S3_SECRET_KEY"],
        },
    )
    table = catalog.create_table("market_data.peer", FIELDS)
    consumer = Consumer(
        {
            "bootstrap.servers": env["BULLION_KAFKA_SERVERS"],
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
