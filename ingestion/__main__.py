"""The command line: capture, fill, count, backfill, tally, schemas, topics."""

import asyncio
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import timedelta

import httpx
import structlog
from confluent_kafka import KafkaException
from msgspec import json

from ingestion.backfill import DayUnreadable, day_of
from ingestion.backfill_job import Day, held_in, incomplete
from ingestion.catalogue import NothingToCapture
from ingestion.count import count
from ingestion.exchange import load
from ingestion.fill import HolesUnreadable, holes_of
from ingestion.fill_job import fill
from ingestion.process import capture_until_told
from ingestion.publisher import DeliveryFailed
from ingestion.registry import Registry, SchemaRefused, register_all
from ingestion.settings import Place, Settings
from ingestion.tally import tally
from ingestion.topics import create_topics
from ingestion.way import NoWay

EXPLAINED = (
    *(LookupError, NothingToCapture, SchemaRefused),
    *(DeliveryFailed, NoWay, DayUnreadable),
)
"""What says in its message what is wrong, and what to do."""


def arguments() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog="python -m ingestion", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    capture = commands.add_parser("capture", help="carry an exchange's trades to Kafka")
    capture.add_argument("exchange")
    filling = commands.add_parser(
        "fill", help="ask by REST for trades that are missing"
    )
    filling.add_argument("--holes", type=holes_of, required=True, metavar="JSON")
    filling.add_argument("--seconds", type=float, default=45, help="at most (45)")
    counting = commands.add_parser("count", help="count the newest trades at REST")
    counting.add_argument("exchanges", nargs="+", metavar="exchange")
    counting.add_argument("--seconds", type=float, default=45, help="at most (45)")
    past = commands.add_parser("backfill", help="bring a day of the past to Kafka")
    past.add_argument("exchange")
    past.add_argument("--day", type=day_of, required=True, metavar="YYYY-MM-DD")
    past.add_argument(
        "--held", type=held_in, default={}, metavar="FILE", help="ids that gold has"
    )
    past.add_argument(
        "--only-held", action="store_true", help="no symbol that --held does not name"
    )
    counted = commands.add_parser("tally", help="count the trades of past days' files")
    counted.add_argument("exchanges", nargs="+", metavar="exchange")
    counted.add_argument(
        "--days", nargs="+", type=day_of, required=True, metavar="YYYY-MM-DD"
    )
    commands.add_parser("schemas", help="register the schemas, BACKWARD compatible")
    commands.add_parser("topics", help="create the topics that are missing")
    return parser


def run(asked: Namespace, settings: Settings, env: Mapping[str, str]) -> int:
    """Do what was asked; return the exit code."""
    match asked.command:
        case "capture":
            exchange = load(asked.exchange)
            place = Place.read(env, exchange)
            return asyncio.run(capture_until_told(exchange, place, settings))
        case "fill":
            lasts = timedelta(seconds=asked.seconds)
            answers = asyncio.run(fill(asked.holes, settings, env, lasts))
            report = {
                "published": sum(each.published for each in answers),
                "answers": answers,
            }
            print(json.encode(report).decode(), flush=True)
        case "count":
            lasts = timedelta(seconds=asked.seconds)
            counts = asyncio.run(count(asked.exchanges, settings, env, lasts))
            print(json.encode({"counts": counts}).decode(), flush=True)
        case "backfill":
            return backfill(asked, settings, env)
        case "tally":
            found = asyncio.run(tally(asked.exchanges, asked.days, settings, env))
            print(json.encode(found).decode(), flush=True)
        case "schemas":
            with Registry(settings.registry_url) as registry:
                register_all(registry, settings.exchanges)
        case "topics":
            create_topics(settings.kafka_servers, settings.exchanges)
    return 0


def backfill(asked: Namespace, settings: Settings, env: Mapping[str, str]) -> int:
    """Bring a day; return 1 if some of it is not there."""
    exchange = load(asked.exchange)
    day = Day(
        exchange=exchange,
        day=asked.day,
        place=Place.read(env, exchange),
        settings=settings,
        held=asked.held,
        only_held=asked.only_held,
    )
    report = asyncio.run(day.bring())
    print(json.encode(report).decode(), flush=True)
    if why := incomplete(report):
        print(why, file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Run the command; what a person can mend becomes one message, and exit code 1."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"]
            ),
        ],
        cache_logger_on_first_use=True,
    )
    try:
        asked = arguments().parse_args()
    except (HolesUnreadable, DayUnreadable) as unreadable:
        print(unreadable, file=sys.stderr)
        return 1
    try:
        settings = Settings.read(os.environ)
    except KeyError as missing:
        why = f"{missing.args[0]} is not set; see .env.example for what it means"
        print(why, file=sys.stderr)
        return 1
    try:
        return run(asked, settings, os.environ)
    except EXPLAINED as error:
        why = str(error)
    except httpx.HTTPError as error:
        why = f"the registry did not do it: {error}. Is BULLION_REGISTRY_URL right?"
    except KafkaException as error:
        why = f"Kafka did not do it: {error}. Is BULLION_KAFKA_SERVERS right?"
    print(why, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
