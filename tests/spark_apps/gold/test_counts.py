"""Where ids prove no loss: spans that REST counted are counted in gold."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spark_apps.gold.counts import (
    FOLLOWED,
    PATIENCE,
    SETTLED,
    Count,
    compared,
    due,
)
from spark_apps.reconciliation import reconcile
from tests.spark_apps.gold.test_gaps import arrived
from tests.spark_apps.lake import NOON, Lake

NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)


def count(trades: int, **changes: Any) -> Count:
    told = {
        "exchange": "ACME",
        "symbol": "BTCUSD",
        "since": NOON,
        "until": NOON + timedelta(seconds=100),
        "at_exchange": trades,
        "asked_at": NOW,
    }
    return Count(**told | changes)


@pytest.mark.parametrize(
    ("held", "after", "state"),
    [
        (3, SETTLED, "equal"),
        (2, SETTLED, "open"),
        (2, PATIENCE + SETTLED, "short"),
        (3, PATIENCE + SETTLED, "equal"),
        (4, SETTLED, "beyond"),
    ],
)
def test_a_span_is_short_only_once_its_trades_had_the_time_to_come(
    held: int, after: timedelta, state: str
) -> None:
    told = compared(count(3), held, NOW + after)

    assert (told.state, told.in_gold, told.at_exchange) == (state, held, 3)
    assert told.compared_at == NOW + after


@pytest.mark.parametrize(
    ("state", "after", "is_due"),
    [
        ("open", SETTLED / 2, False),
        ("open", SETTLED, True),
        ("short", FOLLOWED / 2, True),
        ("short", FOLLOWED, False),
        ("open", 2 * FOLLOWED, True),
    ],
)
def test_a_span_is_followed_for_a_day_and_never_left_open(
    state: str, after: timedelta, is_due: bool
) -> None:
    assert due(count(3, state=state), NOW + after) is is_due


def told(lake: Lake) -> list[tuple[Any, ...]]:
    rows = lake.spark.table(lake.name("gold.counts")).orderBy("symbol", "since")
    names = ("symbol", "at_exchange", "in_gold", "state")
    return [tuple(row[name] for name in names) for row in rows.collect()]


def at(lake: Lake, trades: int, first: int, last: int, **changes: Any) -> Count:
    """Return a count of the lake's exchange, between two seconds behind NOON."""
    span = {
        "exchange": lake.exchange.upper(),
        "since": NOON + timedelta(seconds=first),
        "until": NOON + timedelta(seconds=last),
        "asked_at": datetime.now(UTC) - 2 * SETTLED,
    }
    return count(trades, **span | changes)


def done(lake: Lake, *counts: Count) -> dict[str, Any]:
    return dict(reconcile(lake.spark, lake.settings, counts))


@pytest.mark.spark
def test_gold_is_counted_between_the_two_moments(lake: Lake) -> None:
    arrived(lake, 1, 2, 3, 4, 7, 8)
    arrived(lake, 5, 6, base_asset="ETH")
    whole, lacking = at(lake, 2, 1, 4), at(lake, 3, 4, 9)
    ether = at(lake, 1, 5, 8, symbol="ETHUSD")
    young = at(lake, 9, 0, 9, asked_at=datetime.now(UTC))

    assert done(lake, whole, lacking, ether, young)["asked"] == 4
    assert {row[2:] for row in told(lake)} == {(None, "open")}
    assert done(lake) == {
        **{"asked": 0, "compared": 3, "equal": 2, "open": 1, "short": 0},
        **{"beyond": 0, "missing": 0},
    }
    assert told(lake) == [
        ("BTCUSD", 9, None, "open"),
        ("BTCUSD", 2, 2, "equal"),
        ("BTCUSD", 3, 2, "open"),
        ("ETHUSD", 1, 1, "equal"),
    ]


@pytest.mark.spark
def test_what_is_short_is_so_until_its_trades_come(lake: Lake) -> None:
    old = datetime.now(UTC) - 2 * PATIENCE
    span = at(lake, 2, 1, 9, asked_at=old)
    arrived(lake, 3)
    done(lake, span)
    said = done(lake)
    assert (said["short"], said["missing"]) == (1, 1)

    # Asked again with the same answer, it is not begun anew.
    assert done(lake, replace(span, asked_at=datetime.now(UTC)))["asked"] == 0
    assert told(lake) == [("BTCUSD", 2, 1, "short")]

    arrived(lake, 4)
    assert done(lake)["equal"] == 1
    assert told(lake) == [("BTCUSD", 2, 2, "equal")]
    assert states(done(lake)) == [0, 0, 0, 0]


def states(said: dict[str, Any]) -> Sequence[int]:
    return [said[name] for name in ("equal", "short", "open", "beyond")]
