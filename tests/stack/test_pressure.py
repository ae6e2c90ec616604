"""Kafka slow, gone and without room; the registry gone: what capture does of itself.

One story, told in order, with a real broker and a real registry, and no Spark: each
test goes on where the one before it left the services.
"""

import base64
import io
import json
import random
import re
import signal
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from schemas.exchange import usual_exchanges
from schemas.id_range import joined
from schemas.topic import REJECTED, TRADES, Topic
from stack import steps
from tests.stack.few import Few, few
from tests.stack.laptop import eventually

pytestmark = pytest.mark.stack
NAME = usual_exchanges()[0]
CAPTURE = f"capture-{NAME}"
RATE = 400
ROOM = 500
"""Messages that may wait for Kafka: at that rate a few seconds of it."""
SETTINGS = {
    "BULLION_EXCHANGES": NAME,
    "BULLION_QUEUE_MESSAGES": str(ROOM),
    "BULLION_PROGRESS_S": "0.5",
    "BULLION_FLUSH_S": "1",
    "BULLION_RETRY_FIRST_S": "0.5",
    "BULLION_RETRY_MOST_S": "1",
}
KAFKAS_OWN_LIMIT = 1_048_588
"""Bytes of a message at most, in a topic that nobody gave another limit."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Few]:
    with few(tmp_path_factory.mktemp("few") / "home", RATE, SETTINGS) as started:
        yield started


def test_capture_waits_for_a_registry_and_says_so(services: Few) -> None:
    for name in ("kafka", "postgres", "simulator", CAPTURE):
        services.start(name)
    services.answering("postgres")
    steps.databases(services.place, services.env)
    waits_until_said(services, "registry_not_ready", 0)
    assert "is the registry up" in services.log(CAPTURE)

    services.start("registry")
    services.answering("kafka")
    services.ingestion("topics")
    services.answering("registry")
    services.ingestion("schemas")
    eventually(lambda: count(services) > 0, "trades come", 30, every=0.2)


def test_a_registry_that_is_gone_in_mid_run_is_not_missed(services: Few) -> None:
    # Until the fill below needs it again; to begin it anew would take CI ten seconds.
    services.send("registry", signal.SIGSTOP)
    before = count(services)

    eventually(lambda: count(services) > before + RATE, "it goes on", 30, every=0.2)


def test_a_frame_above_its_topics_limit_is_kept_in_part(services: Few) -> None:
    random_bytes = random.Random(7).randbytes(7_500_000)
    garbage = base64.b64encode(random_bytes)
    order = {"frame": garbage.decode()}
    services.laptop.control(f"{NAME}/garbage", order)
    eventually(lambda: len(read(services, REJECTED)) == 1, "it is kept", 30, every=0.2)
    limit(services, REJECTED, KAFKAS_OWN_LIMIT)
    services.laptop.control(f"{NAME}/garbage", order)
    eventually(lambda: len(read(services, REJECTED)) == 2, "a part is", 30, every=0.2)

    whole, part = read(services, REJECTED)
    assert len(garbage) == 10_000_000 and whole["frame"] == garbage
    assert part["frame"] == garbage[:625_000]
    told = f"the first 625000 of 10000000 bytes, SHA-256 {sha256(garbage).hexdigest()}"
    assert told in part["error_detail"]
    assert services.runs(CAPTURE)


def test_a_broker_that_stands_still_for_a_while_costs_nothing(services: Few) -> None:
    after = len(services.log(CAPTURE))
    services.send("kafka", signal.SIGSTOP)
    waits_until_said(services, "buffer_full", after)
    services.send("kafka", signal.SIGCONT)
    waits_until_said(services, "buffer_has_room", after)
    before = count(services)
    eventually(lambda: count(services) > before + RATE, "it goes on", 30, every=0.2)

    for ids in by_symbol(read(services, TRADES)).values():
        assert sorted(ids) == list(range(min(ids), max(ids) + 1))


def test_a_full_disk_at_the_broker_stops_reading_until_there_is_room(
    services: Few,
) -> None:
    after = len(services.log(CAPTURE))
    services.fill_disk("kafka")
    assert services.ended("kafka") == 1
    waits_until_said(services, "buffer_full", after)
    memory, last = services.memory(CAPTURE), newest(services)
    # Nobody reads on, so that what happens now is lost with the connection.
    services.laptop.control(f"{NAME}/drop", {})
    gone = {native: number + RATE for native, number in last.items()}
    eventually(lambda: reached(services, gone), "trades happen", 30, every=0.2)
    said = services.log(CAPTURE, after)
    assert services.memory(CAPTURE) < memory + 30_000_000
    assert max(map(int, re.findall(r"waiting=(\d+)", said))) < ROOM + 20
    assert len(set(re.findall(r"frames=(\d+)", said)[-4:])) == 1
    assert "has its disk room" in said

    # Room may have come and gone before: a broker without disk still ends for a while.
    after = len(services.log(CAPTURE))
    services.start("kafka")
    waits_until_said(services, "buffer_has_room", after, within=60)
    eventually(lambda: lost(read(services, TRADES)), "the loss is seen", 30, every=0.2)
    assert services.runs(CAPTURE)


def test_what_was_lost_meanwhile_is_known_by_its_ids_and_filled(services: Few) -> None:
    services.send("registry", signal.SIGCONT)

    def filled() -> bool:
        # On a slow machine the little room is full once more meanwhile: another loss.
        trades[:] = read(services, TRADES)
        if holes := lost(trades):
            services.ingestion("fill", "--holes", json.dumps(holes))
        return not holes

    trades: list[dict[str, Any]] = []
    eventually(filled, "nothing is missing between the first and the last", 60)
    for native, ids in by_symbol(trades).items():
        truth = services.laptop.control(
            f"truth/{NAME}?symbol={native}&from_id={min(ids)}&to_id={max(ids)}"
        )
        happened = {json.loads(line)["trade_id"] for line in truth.splitlines()}
        assert set(ids) == happened


def test_told_to_end_while_kafka_has_no_room_capture_says_what_is_left(
    services: Few,
) -> None:
    after = len(services.log(CAPTURE))
    services.send("kafka", signal.SIGSTOP)
    waits_until_said(services, "buffer_full", after)
    began = time.monotonic()

    assert services.stop(CAPTURE) == 1
    assert time.monotonic() - began < 15
    assert re.search(
        r"stopped_with_messages_left .*left=50\d", services.log(CAPTURE, after)
    )


def waits_until_said(services: Few, event: str, after: int, within: float = 30) -> None:
    eventually(
        lambda: f"event={event}" in services.log(CAPTURE, after),
        f"capture says {event}",
        within,
        every=0.1,
    )


def servers(services: Few) -> str:
    return f"127.0.0.1:{services.place.ports['KAFKA']}"


def consumer(services: Few) -> Consumer:
    told = {"bootstrap.servers": servers(services), "group.id": "nobody"}
    return Consumer(told | {"enable.auto.commit": False})


def count(services: Few) -> int:
    """Return how many messages of trades the broker has."""
    asking, topic = consumer(services), TRADES.name(NAME)
    try:
        return sum(
            asking.get_watermark_offsets(TopicPartition(topic, number), 10)[1]
            for number in range(TRADES.partitions)
        )
    finally:
        asking.close()


def read(services: Few, topic: Topic) -> list[dict[str, Any]]:
    """Return all that the broker has of a topic, as fastavro reads it."""
    schema, asking = fastavro.parse_schema(json.loads(topic.schema)), consumer(services)
    parts = [TopicPartition(topic.name(NAME), n, 0) for n in range(topic.partitions)]
    left = sum(asking.get_watermark_offsets(part, 10)[1] for part in parts)
    found: list[dict[str, Any]] = []
    asking.assign(parts)
    while len(found) < left:
        message = asking.poll(20)
        assert message is not None and not message.error(), message
        value = io.BytesIO(message.value()[5:])
        found.append(fastavro.schemaless_reader(value, schema, None))
    asking.close()
    return found


def by_symbol(trades: list[dict[str, Any]]) -> dict[str, list[int]]:
    """Return the ids of these trades by native symbol, in the order of their coming."""
    found: dict[str, list[int]] = {}
    for trade in trades:
        native = trade["vendor_data"]["native_symbol"]
        found.setdefault(native, []).append(int(trade["trade_id"]))
    return found


def lost(trades: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the holes in the ids of each symbol, as a fill is told of them."""
    holes = []
    for symbol in {trade["symbol"] for trade in trades}:
        mine = {int(t["trade_id"]): t for t in trades if t["symbol"] == symbol}
        for (_, last), (first, _) in zip(
            joined((n, n) for n in mine), joined((n, n) for n in mine)[1:], strict=False
        ):
            span = (last + 1, first - 1)
            holes.append(
                {
                    "exchange": NAME.upper(),
                    "symbol": symbol,
                    "first_missing_id": span[0],
                    "last_missing_id": span[1],
                    "missing": [span],
                    "after": mine[last]["timestamp"].isoformat(),
                }
            )
    return holes


def newest(services: Few) -> dict[str, int]:
    """Return the last id of each symbol at the exchange."""
    state = json.loads(services.laptop.control("state"))
    last: dict[str, int] = state[NAME]["last"]
    return last


def reached(services: Few, ids: dict[str, int]) -> bool:
    now = newest(services)
    return all(now[native] >= number for native, number in ids.items())


def limit(services: Few, topic: Topic, size: int) -> None:
    """Give a topic another limit for its messages."""
    entry = ConfigEntry(
        "max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET
    )
    resource = ConfigResource(
        ResourceType.TOPIC, topic.name(NAME), incremental_configs=[entry]
    )
    admin = AdminClient({"bootstrap.servers": servers(services)})
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(20)
