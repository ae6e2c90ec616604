"""What is open is shown a line each, and that nobody looks is shown too."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from query.__main__ import main
from query.watch.book import Book
from query.watch.incidents import text
from query.watch.view import incidents
from tests.query.watch.test_look import CLOSED, SOUND, looks

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def shown(told: dict[str, Any]) -> str:
    file = io.StringIO()
    Console(width=250, file=file).print(incidents(told, NOW))
    return file.getvalue()


def told(*open_ones: dict[str, Any], ago: float | None = 1, **watch: Any) -> Any:
    looked = None if ago is None else text(NOW - timedelta(minutes=ago))
    said = {"looked_at": looked, "undelivered": []} | watch
    return {"incidents": list(open_ones), "watch": said}


def test_each_open_incident_has_a_line_that_says_what_to_do() -> None:
    one = {"kind": "lane_closed", "since": "2026-11-29T11:00:00Z", "what": "[jump]"}

    assert shown(told()) == "incidents: none\n"
    page = shown(told(one, one | {"kind": "gap_open"}))
    assert len(page.splitlines()) == 2
    assert "lane_closed since 2026-11-29T11:00:00Z: [jump]; look, and decide" in page


@pytest.mark.parametrize(
    ("ago", "words"), [(None, "nobody has looked"), (6, "for 6 minutes"), (4, "none")]
)
def test_a_watch_that_does_not_look_is_never_shown_as_well(
    ago: float | None, words: str
) -> None:
    assert words in shown(told(ago=ago))


def test_alerts_that_wait_are_shown_with_why() -> None:
    owed = {"notifier": "webhook", "notices": 3, "since": "then", "error": "host [x]"}

    assert "3 alerts wait for webhook since then: host [x]" in shown(
        told(undelivered=[owed])
    )


def test_the_command_shows_what_is_open_while_all_else_is_away(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    env = {"BULLION_ALERTS": str(tmp_path)}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main(["alerts"]) == 0
    looks(env, CLOSED, CLOSED)

    assert main(["alerts"]) == 1
    assert "lane_closed since" in capsys.readouterr().out
    assert main(["alerts", "--json"]) == 1
    (one,) = json.loads(capsys.readouterr().out)["incidents"]
    assert (one["kind"], one["subject"]) == ("lane_closed", "acme")
    looks(env, SOUND, SOUND)
    assert main(["alerts"]) == 0


def test_a_suspicion_is_not_shown(tmp_path: Path) -> None:
    looks({"BULLION_ALERTS": str(tmp_path)}, CLOSED)

    book = Book.read(tmp_path)
    assert len(book.incidents) == 1 and book.told()["incidents"] == []
