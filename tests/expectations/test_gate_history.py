"""What gates noted is kept for long as hours, and shown over time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from expectations import gate_digest
from expectations.gate_digest import hours, remember
from expectations.gate_hours import by_hour, merged
from expectations.gate_notes import last, notes
from expectations.history_page import asked, shown, write

NOW = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JUMP = [each for each in asked() if each.name == "price_jump"]


def note(at: datetime, outcome: str = "passed", **told: Any) -> dict[str, Any]:
    return {
        "at": at.isoformat(timespec="seconds"),
        "exchange": "acme",
        "rows": 10,
        "outcome": outcome,
        "failed": [],
        "measured": {},
    } | told


def closed(at: datetime, jump: float) -> dict[str, Any]:
    return note(at, "closed", failed=["price_jump"], measured={"price_jump": jump})


def test_an_hour_tells_how_often_and_how_nearly_each_was_met() -> None:
    first, second = by_hour(
        [
            note(NOW, measured={"price_jump": 1.5}),
            closed(NOW + MINUTE, 2.5),
            closed(NOW + 2 * MINUTE, 4),
            note(NOW + 3 * MINUTE, "error", failed=["no such column"]),
            note(NOW + 40 * MINUTE, measured={"price_jump": 1}),
        ]
    )

    assert (first.hour, second.hour) == ("2026-11-22T13", "2026-11-22T14")
    assert (first.gates, first.rows) == (4, 40)
    assert first.outcomes == {"passed": 1, "closed": 2, "error": 1}
    assert first.not_met == {"price_jump": 2}
    assert first.measured == {"price_jump": [1.5, 4]}


def test_hours_merge_in_any_order_and_parts() -> None:
    told = [closed(NOW + n * MINUTE, n) for n in range(1, 90)]
    whole = by_hour(told)

    assert merged([*by_hour(told[50:]), *by_hour(told[:50])]) == whole


def test_notes_of_before_are_kept_as_hours_and_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_digest, "ROTATE_AT", 2000)
    told = [closed(NOW + n * MINUTE, n) for n in range(200)]
    for each in told:
        remember(tmp_path, "acme", each)

    kept = sum(file.stat().st_size for file in tmp_path.glob("*.jsonl*"))
    assert kept < 6000 < len(json.dumps(told))
    assert hours(tmp_path, "acme") == by_hour(told)
    assert last(tmp_path, "acme") == told[-1]


def test_a_gate_that_died_while_it_set_notes_aside_enters_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_digest, "ROTATE_AT", 2000)
    told = [closed(NOW + n * MINUTE, n) for n in range(60)]
    for each in told:
        remember(tmp_path, "acme", each)
    gate_digest.digest(tmp_path, "acme")
    with notes(tmp_path, "acme").open("a") as file:
        file.write('{"at": "2026-')

    assert hours(tmp_path, "acme") == by_hour(told)
    gate_digest.digest(tmp_path, "acme")
    assert hours(tmp_path, "acme") == by_hour(told)


def test_hours_of_long_ago_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_digest, "ROTATE_AT", 0)
    old = datetime.now(UTC) - gate_digest.HOURS_KEPT - timedelta(days=1)
    for each in (note(old), *(note(NOW + n * MINUTE) for n in range(3))):
        remember(tmp_path, "acme", each)

    assert [hour.hour for hour in hours(tmp_path, "acme")] == ["2026-11-22T13"]


def test_the_page_shows_each_lane_and_expectation(tmp_path: Path) -> None:
    for n in range(5):
        remember(tmp_path, "acme", closed(NOW - n * timedelta(hours=2), 3))
    write(tmp_path / "page.html", tmp_path, ["acme", "quiet"], NOW)
    page = (tmp_path / "page.html").read_text()

    assert "5 gates: 0 passed, 0 with a warning, 5 closed" in page
    assert page.count("<svg") == len(asked()) > 15
    assert page.count('class="critical" x=') == 5
    assert "quiet" not in page and "http" not in page
    for drawn in page.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + drawn.split("</svg>")[0] + "</svg>")


def test_neighbouring_hours_share_a_bar_and_the_newest_is_on_the_right() -> None:
    told = by_hour(closed(NOW - n * timedelta(hours=1), 3) for n in range(3))
    page = shown({"acme": told}, {"acme": JUMP}, NOW)

    # A young lake is drawn wide: a day has the whole width.
    assert '<rect class="critical" x="588" y="0" width="84"' in page
    old = by_hour([note(NOW - timedelta(days=30)), closed(NOW, 3)])
    page = shown({"acme": old}, {"acme": JUMP}, NOW)
    assert '<rect class="critical" x="670" y="0" width="2"' in page
    assert "14 days ago" in page and "1 gates" in page


def test_a_name_is_shown_as_it_is() -> None:
    page = shown({"<script>": by_hour([note(NOW)])}, {"<script>": asked()}, NOW)

    assert "<script>" not in page


def test_without_gates_the_page_says_so() -> None:
    assert "No gate was asked yet" in shown({}, {}, NOW)
