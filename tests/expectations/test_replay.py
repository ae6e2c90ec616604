"""What a person may ask of a replay, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from expectations.replay import (
    ALL,
    MOST,
    PASSING,
    Asked,
    AskedWrongly,
    judge,
    reasons,
)
from schemas.table import all_exchanges

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
EXCHANGE = all_exchanges()[0]
FORM: dict[str, Any] = {
    "exchange": EXCHANGE,
    "reasons": [],
    "since": None,
    "until": None,
    "send": PASSING,
    "again": False,
    "at_most": MOST,
}
HOSTILE = [
    {"exchange": "x'; DROP TABLE t; --"},
    {"exchange": f"{EXCHANGE}\n"},
    {"exchange": "../../etc"},
    {"exchange": None},
    {"reasons": ["price_is_null' OR 'a'='a"]},
    {"reasons": ["$(id)"]},
    {"reasons": "price_is_null"},
    {"since": "2026-11-28T00:00:00Z'; DROP TABLE t"},
    {"since": "yesterday"},
    {"since": "2026-11-28T00:00:00Z\n--yes"},
    {"since": "2026-11-28T00:00:00Z\n"},
    {"until": "{{ 7*7 }}"},
    {"since": "2999-01-01T00:00:00Z"},
    {"since": "1999-01-01T00:00:00Z"},
    {"send": "everything"},
    {"at_most": 0},
    {"at_most": MOST + 1},
    {"at_most": "1; id"},
    {"at_most": True},
    {"at_most": 1.5},
]


def test_a_form_that_nobody_filled_in_means_the_last_day() -> None:
    asked = Asked.of(FORM, NOW)

    assert (asked.since, asked.until) == (NOW - timedelta(days=1), NOW)
    assert (asked.reasons, asked.send, asked.again) == ((), PASSING, False)


def test_what_was_asked_comes_to_the_job_as_it_was() -> None:
    asked = Asked.of(
        FORM
        | {
            "reasons": ["price_is_null", "unknown_schema_id"],
            "since": "2026-11-28T02:00:00+02:00",
            "until": "2026-11-28T12:30",
            "send": ALL,
            "again": True,
            "at_most": 7,
        },
        NOW,
    )

    assert asked.since == datetime(2026, 11, 28, tzinfo=UTC)
    assert asked.until == datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
    assert Asked.read(asked.text) == asked


@pytest.mark.parametrize("change", HOSTILE, ids=str)
def test_what_the_form_does_not_offer_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(AskedWrongly):
        Asked.of(FORM | change, NOW)


@pytest.mark.parametrize("text", ["", "7", "[]", "{}", '{"exchange": "x"}', "null"])
def test_a_job_is_told_whole_lines_alone(text: str) -> None:
    with pytest.raises(AskedWrongly):
        Asked.read(text)


def test_another_rule_or_another_schema_is_another_judge() -> None:
    assert judge(EXCHANGE, [7, 8]) == judge(EXCHANGE, [8, 7])
    others = (judge(EXCHANGE, [7]), judge(all_exchanges()[1], [7, 8]))
    assert judge(EXCHANGE, [7, 8]) not in others


def test_each_reason_is_offered_once() -> None:
    assert len(set(reasons())) == len(reasons()) > 10
    assert {"unknown_schema_id", "price_must_be_positive"} <= set(reasons())
