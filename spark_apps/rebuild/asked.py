"""What a person may ask of a rebuild."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from schemas.table import all_exchanges
from spark_apps.audit.verdict import Day

SILVER, GOLD, CANDLES = "silver", "gold", "candles"
LAYERS = (SILVER, GOLD, CANDLES)
"""Each with all that follows from it."""
MOST_DAYS = 31


class RebuildRefused(Exception):
    """What was asked for cannot be rebuilt; the message says why, and what can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A layer, a span and an exchange."""

    layer: str
    exchange: str
    days: tuple[Day, ...]
    """UTC: of the messages that bronze took for silver, else of the trades."""
    look: bool = False
    """Whether differences are only counted, and nothing is written."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layer", choices=LAYERS)
    parser.add_argument("exchange", choices=all_exchanges())
    parser.add_argument("--from", dest="first", required=True, metavar="DAY")
    parser.add_argument("--to", dest="last", default="", metavar="DAY")
    parser.add_argument("--write", choices=("yes", "no"), default="no")


def read(words: argparse.Namespace, now: datetime) -> Asked:
    """Return what is asked; today is a day too, as far as it has come.

    Raises:
        RebuildRefused: the days are none, to come, or too many.
    """
    return Asked(
        layer=words.layer,
        exchange=words.exchange,
        days=tuple(days(words.first, words.last, now)),
        look=words.write != "yes",
    )


def days(first: str, last: str, now: datetime) -> Sequence[Day]:
    """Return the days from one to another, both included.

    Raises:
        RebuildRefused: they are none, to come, or too many.
    """
    try:
        begin = date.fromisoformat(first)
        end = date.fromisoformat(last or first)
    except ValueError as error:
        raise RebuildRefused(f"no day: {error}; expected such as 2026-11-26") from error
    number = (end - begin).days + 1
    if not 1 <= number <= MOST_DAYS or end > now.astimezone(UTC).date():
        raise RebuildRefused(
            f"{begin} to {end} (UTC): give 1 to {MOST_DAYS} days, none of them to come"
        )
    return [Day(begin + timedelta(days=each)) for each in range(number)]
