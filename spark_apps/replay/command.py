"""A replay's steps as `python -m spark_apps.run silver.replays` has them."""

import argparse
from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from expectations.gate_notes import last
from expectations.replay import Asked
from schemas.topic import TRADES
from spark_apps.replay.steps import Replay, Report, Sender
from spark_apps.replay.today import Today
from spark_apps.replay.topic import Kafka
from spark_apps.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the steps are told; `--asked` is checked where it is read."""
    parser.add_argument("step", choices=("look", "send", "follow"))
    parser.add_argument("--asked", required=True, metavar="JSON")
    for name in ("run", "by", "why"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--snapshot", type=int, default=0)
    parser.add_argument("--gates", type=Path, default=Path(), help="the gates' notes")
    parser.add_argument("--seconds", type=float, default=300, help="to follow (300)")


def replay(
    spark: SparkSession, settings: Settings, asked: argparse.Namespace
) -> Report:
    """Do one step; return its report.

    Raises:
        AskedWrongly: what was asked for is not there to be had.
        NotThere: the snapshot that was looked at has expired.
    """
    chosen = Asked.read(asked.asked)
    topic = TRADES.name(chosen.exchange)
    steps = Replay(
        today=Today(spark=spark, settings=settings, asked=chosen),
        topic=Kafka(servers=settings.kafka_servers, topic=topic),
    )
    match asked.step:
        case "look":
            return steps.look()
        case "send":
            sender = Sender(run_id=asked.run, by=asked.by, why=asked.why)
            return steps.send(sender, asked.snapshot)

    def closed() -> bool:
        return (last(asked.gates, chosen.exchange) or {}).get("outcome") == "closed"

    return steps.follow(asked.run, timedelta(seconds=asked.seconds), closed)
