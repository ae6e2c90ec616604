"""Random kills of everything, beside upkeep and backfills; then the truth is compared.

    ./bullion bench kills [--kills 100] [--seed 1] [--rate 20] [--home FOLDER]

A stack of its own, on free ports: every few seconds one of its processes gets SIGKILL.
Beside the lanes yesterday is backfilled for each exchange; now and then a DAG of upkeep
is triggered, or a topic's past is sent again. At the end each promise is asked of the
tables; the exit code is 1 if one of them is broken. A seed gives the same schedule
again, as far as the machine lets it.
"""

import json
import random
import sys
import time
from collections import Counter, defaultdict
from datetime import date
from typing import Any
from urllib.error import URLError

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.own_stack import arguments, own_stack
from benchmarks.past import PATIENCE, begin, in_gold, lacking, yesterday
from query.airflow_api import Airflow
from schemas.lane import POINTS
from schemas.topic import TRADES
from tests.stack.laptop import Laptop, eventually, kill
from tests.stack.promises import (
    CANDLES,
    bent,
    doubled,
    goes_on,
    lost,
    open_gaps,
    other_candles,
    settled,
    unaccounted,
)

SPARED = ("supervisord", "-m simulator", "-m ingestion capture", "when_ready")
"""Capture and the exchange: what is not captured is the ledger's matter, not ours."""
KINDS = (
    *("postgres", "weed", "kafka.Kafka", "quarkus", "warm_driver"),
    *(
        "ingestion backfill",
        "bronze.trades",
        "connect.streaming",
        "run silver",
        "run gold",
        "spark_apps.run",
    ),
    *("api_server", "api-server", "dag-processor", "triggerer", "scheduler"),
    *("airflow worker", "airflow", "multiprocessing"),
)
"""Words in the command line of each sort of process, the more telling first."""
BESIDE = ("upkeep", "retention", "candles", "data_docs", "checkpoint_backup")


def torture(laptop: Laptop, kills: int, chance: random.Random) -> Counter[str]:
    """Kill so many processes; return how often each kind was hit."""
    hit: Counter[str] = Counter()
    while sum(hit.values()) < kills:
        time.sleep(chance.uniform(2, 15))
        if chance.random() < 0.15:
            trigger(laptop, chance.choice(BESIDE))
        if chance.random() < 0.2:
            poison(laptop, chance)
        if chance.random() < 0.2:
            replay(laptop, chance)
        if chance.random() < 0.25:
            # The driver of this app's next run ends at this very point.
            app = chance.choice(sorted(POINTS))
            point = chance.choice(POINTS[app])
            (laptop.home / "locks" / f"failpoint.{app}").write_text(point)
            hit[f"driver {point}"] += 1
            print(f"{time.strftime('%X')} {app} is to die {point}", flush=True)
            continue
        victims: dict[str, list[int]] = defaultdict(list)
        for pid, words in sorted(laptop.processes().items()):
            if not any(word in words for word in SPARED):
                victims[kind(words)].append(pid)
        if not victims:
            continue
        name = chance.choice(sorted(victims))
        try:
            kill(chance.choice(victims[name]))
        except ProcessLookupError:
            continue  # it ended by itself
        hit[name] += 1
        print(f"{time.strftime('%X')} kill {sum(hit.values())}: {name}", flush=True)
    return hit


def kind(words: str) -> str:
    """Return what sort of process this is: each is hit as often, however many run."""
    known = (each for each in KINDS if each in words)
    return next(known, " ".join(words.split())[-70:])


def poison(laptop: Laptop, chance: random.Random) -> None:
    """Put a message that nobody can read into each topic, if the broker is there."""
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{laptop.ports['KAFKA']}"})
    for exchange in laptop.exchanges:
        producer.produce(TRADES.name(exchange), chance.randbytes(20), key=b"POISON")
    producer.flush(2)


def replay(laptop: Laptop, chance: random.Random) -> None:
    """Send again what a topic brought once."""
    servers = {"bootstrap.servers": f"127.0.0.1:{laptop.ports['KAFKA']}"}
    topic = TRADES.name(chance.choice(laptop.exchanges))
    part = TopicPartition(topic, chance.randrange(TRADES.partitions))
    consumer, producer = Consumer({**servers, "group.id": "replay"}), Producer(servers)
    try:
        first, after = consumer.get_watermark_offsets(part, timeout=5)
        part.offset = chance.randrange(first, after) if after > first else first
        consumer.assign([part])
        for message in consumer.consume(1000, timeout=5):
            if not message.error():
                producer.produce(topic, message.value(), key=message.key())
        producer.flush(5)
        print(f"{time.strftime('%X')} {topic} again from {part.offset}", flush=True)
    except KafkaException as away:
        print(f"{time.strftime('%X')} nothing was sent again: {away}", flush=True)
    finally:
        consumer.close()


def trigger(laptop: Laptop, dag: str) -> None:
    """Begin a run of a DAG; Airflow may be dead just now."""
    asked = Airflow(laptop.settings)
    try:
        asked.ask(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})
        print(f"{time.strftime('%X')} triggered {dag}", flush=True)
    except (URLError, OSError, KeyError) as away:
        print(f"{time.strftime('%X')} {dag} was not triggered: {away}", flush=True)


def caught_up(laptop: Laptop, width: str) -> None:
    """Return once candles agree with trades, or will not; the verdict tells which."""
    try:
        eventually(lambda: not other_candles(laptop, width)[1], f"candles of {width}")
    except AssertionError as never:
        print(never)


def never_found(laptop: Laptop) -> list[dict[str, object]]:
    """Return what is lost, once nothing is or a fill had the time to bring it.

    A machine that stands still for seconds loses trades while this is asked.
    """
    try:
        eventually(lambda: not lost(laptop), "no id is missing", 600)
    except AssertionError as never:
        print(never)
    return lost(laptop)


def verdict(laptop: Laptop, day: date) -> dict[str, Any]:
    """Return what is broken of each promise; empty lists if all hold."""
    compared = {exchange: bent(laptop, exchange) for exchange in laptop.exchanges}
    return {
        "lost": never_found(laptop),
        f"lacking of {day}": lacking(laptop, day),
        "doubled": doubled(laptop),
        "unsettled": settled(laptop)[:5],
        "unaccounted": unaccounted(laptop)[:5],
        "bent": [row for _, rows in compared.values() for row in rows][:5],
        **{
            f"other candles of {width}": other_candles(laptop, width)[1][:5]
            for width in CANDLES
        },
    }


def main() -> int:
    """Torture, compare, print; return 1 if a promise is broken."""
    asked = arguments(__doc__, rate=20, kills=100, seed=1).parse_args()
    with own_stack(asked) as laptop:
        began, day = time.monotonic(), yesterday()
        runs = begin(laptop, day)
        hit = torture(laptop, asked.kills, random.Random(asked.seed))
        took = time.monotonic() - began
        print(f"{sum(hit.values())} kills in {took:.0f} s; now it may recover")
        laptop.run("up", "--no-wait")
        # A day of the past may stand in a lane before what happens now.
        took = goes_on(laptop, within=PATIENCE)
        print(f"gold of every exchange goes on after {took:.0f} s")
        in_gold(laptop, runs, day)
        # Between yesterday and our start is a hole that the ledger sees and fills.
        took = eventually(lambda: not open_gaps(laptop), "gaps are closed", PATIENCE)
        print(f"every gap is closed after {took:.0f} s")
        for width in CANDLES:
            caught_up(laptop, width)
        found = verdict(laptop, day)
        print(laptop.run("status"))
        print(json.dumps(found, indent=1, default=str))
        return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
