"""Frame to acknowledged message on one core, against librdkafka's own mock broker.

    ./bullion bench capture [EXCHANGE ...] [--frames N]

No socket is in it: it measures reading, packing and producing. The broker is a mock
that acknowledges and keeps nothing, so the figure is the client's, not Kafka's.
"""

import asyncio
import json
import time
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta

from ingestion.exchange import Exchange, Frame, Instrument, load
from ingestion.publisher import Publisher, producer_settings
from schemas.exchange import usual_exchanges
from schemas.table import ROOT


def frames(exchange: Exchange) -> list[bytes]:
    """Return the sample frames of one exchange that yield trades."""
    file = ROOT / "ingestion/exchanges" / exchange.name / "samples/trades.jsonl"
    samples = [json.loads(line) for line in file.read_text().splitlines()]
    return [s["frame"].encode() for s in samples if s.get("trades")]


def catalogue(exchange: Exchange) -> dict[str, Instrument]:
    """Return the catalogue that lies beside the samples."""
    file = ROOT / "ingestion/exchanges" / exchange.name / "samples/catalogue.json"
    return {i.native: i for i in exchange.instruments(file.read_bytes())}


async def measure(exchange: Exchange, count: int) -> None:
    """Print trades a second from frame to acknowledgement."""
    payloads, instruments = frames(exchange), catalogue(exchange)
    settings = producer_settings("mock", 500_000)
    publisher = Publisher(exchange.name, settings | {"test.mock.num.brokers": 1}, 1, 2)
    trades, began, cpu = 0, time.perf_counter(), time.process_time()
    for number in range(count):
        frame = Frame(payloads[number % len(payloads)], datetime.now(UTC))
        for trade in exchange.parse(frame, instruments):
            await publisher.publish(*publisher.packed(trade))
            trades += 1
    left = await publisher.flush(timedelta(seconds=60))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    print(
        f"{exchange.name}: {trades} trades, {left} left, {trades / took:,.0f} /s,"
        f" {trades / used:,.0f} a CPU second (the mock broker's share included)"
    )


def main() -> None:
    """Measure each exchange named, or all of them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("exchange", nargs="*", default=usual_exchanges())
    parser.add_argument("--frames", type=int, default=100_000)
    asked = parser.parse_args()
    for name in asked.exchange:
        asyncio.run(measure(load(name), asked.frames))


if __name__ == "__main__":
    main()
