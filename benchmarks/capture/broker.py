"""What a broker has acknowledged, told from outside: librdkafka's mock, or a real one.

The mock answers as a broker does and keeps the last messages in memory. It is a process
of its own here, so that neither its work nor its memory is the capture's.
"""

import sys
import threading
import time
from argparse import ArgumentParser
from array import array
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.capture.frames import FIRST
from benchmarks.capture.told import say

LOOK_EVERY = 0.05


def mock_servers(topic: str) -> tuple[Producer, str]:
    """Return a mock broker, which lives as long as the producer, and its address."""
    host = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock"})
    brokers = host.list_topics(topic, timeout=10).brokers.values()
    return host, ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


def consumer_of(servers: str, topic: str) -> tuple[Consumer, list[TopicPartition]]:
    """Return a consumer, and each partition of a topic where it ends now."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "bench",
            "enable.auto.commit": False,
            # The mock answers an empty fetch after this time, whatever comes meanwhile.
            "fetch.wait.max.ms": 1,
            "fetch.error.backoff.ms": 1,
        }
    )
    until = time.monotonic() + 30
    while not (
        found := consumer.list_topics(topic, timeout=10).topics[topic]
    ).partitions:
        if time.monotonic() > until:
            raise TimeoutError(f"{servers} has no topic {topic} after 30 s")
        time.sleep(0.1)
    places = [TopicPartition(topic, number) for number in found.partitions]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    return consumer, places


def watch(servers: str, topic: str, ended: threading.Event) -> None:
    """Say how many messages are acknowledged, whenever there are more."""
    consumer, places = consumer_of(servers, topic)
    say(servers=servers)
    before, told = sum(place.offset for place in places), 0
    while not ended.wait(LOOK_EVERY):
        ends = [consumer.get_watermark_offsets(p, timeout=10)[1] for p in places]
        if sum(ends) - before > told:
            told = sum(ends) - before
            say(acked=told, at=time.monotonic())
    consumer.close()


def note(servers: str, topic: str, notes: Path, ended: threading.Event) -> None:
    """Note when each message is there for a consumer, by its place in what was sent."""
    consumer, places = consumer_of(servers, topic)
    consumer.assign(places)
    consumer.poll(0.1)
    say(servers=servers)
    seen_at, count, told = array("q"), 0, 0
    while not ended.is_set():
        messages = consumer.consume(1000, timeout=0.001)
        now = time.monotonic_ns()
        for message in messages:
            if message.error():
                raise RuntimeError(message.error().str())
            place = place_of(message.value())
            seen_at.extend([0] * (place + 1 - len(seen_at)))
            seen_at[place] = now
        count += len(messages)
        if count > told:
            told = count
            say(acked=told, at=time.monotonic())
    notes.write_bytes(seen_at.tobytes())
    consumer.close()


def place_of(value: bytes) -> int:
    """Return how manieth of those sent a trade is, by its id in our message."""
    # A header of five bytes, the id of the message, and the trade's, each after its
    # length, which one byte holds.
    begin = 5 + 1 + value[5] // 2
    return int(value[begin + 1 : begin + 1 + value[begin] // 2]) - FIRST


def main() -> None:
    """Watch one topic until standard input ends."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("topic")
    parser.add_argument("--servers", help="a real broker, instead of the mock")
    parser.add_argument("--notes", type=Path, help="file for when each was there")
    asked = parser.parse_args()
    ended = threading.Event()
    host = None
    servers = asked.servers
    if servers is None:
        host, servers = mock_servers(asked.topic)
    watching = (
        threading.Thread(target=note, args=(servers, asked.topic, asked.notes, ended))
        if asked.notes
        else threading.Thread(target=watch, args=(servers, asked.topic, ended))
    )
    watching.start()
    sys.stdin.read()
    ended.set()
    watching.join()
    # The mock lives as long as its client.
    del host


if __name__ == "__main__":
    main()
