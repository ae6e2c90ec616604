"""What `spark_apps.run` is told is a number, a day or a known name before Spark is."""

from datetime import UTC, datetime

import pytest

from expectations.replay import Asked, AskedWrongly
from spark_apps import run
from spark_apps.audit.job import DayRefused, days

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOSTILE = [
    "'; DROP TABLE trade_gaps; --",
    "$(id)",
    "../../../etc/passwd",
    "2026-11-05\n",
    "--delete",
    "A" * 100_000,
    "9999-12-31",
    '{"exchange": "x\'; DROP TABLE t"}',
    '{"exchange": "../../etc"}',
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_what_is_no_day_is_refused(text: str) -> None:
    for first, last in ((text, ""), ("", text), ("2026-11-05", text)):
        with pytest.raises(DayRefused):
            days(first, last, NOW)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_a_snapshot_is_a_number(text: str) -> None:
    gold = ["gold.trades", "acme"]
    for words in (
        [*gold, f"--gated={text}"],
        [*gold, "--gated=1", f"--refused={text}"],
        ["silver.replays", "send", "--asked={}", f"--snapshot={text}"],
        ["silver.replays", text, "--asked={}"],
    ):
        with pytest.raises(SystemExit):
            run.arguments().parse_args(words)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_who_replays_is_told_in_whole_or_not(text: str) -> None:
    with pytest.raises(AskedWrongly):
        Asked.read(text)
    said = ["silver.replays", "send", "--asked={}", f"--by={text}", f"--why={text}"]
    asked = run.arguments().parse_args(said)
    assert (asked.by, asked.why) == (text, text)
