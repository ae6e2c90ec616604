"""A look tells people once, over real HTTP, and loses nothing that is not taken."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from query.watch import look as looking
from query.watch.book import Book, BookBroken, WatchBusy, alone, place
from query.watch.look import Watch, look
from query.watch.notices import Notice
from tests.query.receiver import Receiver, receiver
from tests.query.watch.test_findings import AT, lane, told

CLOSED = told(lane(last_gate={"outcome": "closed", "failed": ["jump"], "at": AT}))
SOUND = told()
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINUTES = count()


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def env(tmp_path: Path, hook: Receiver) -> dict[str, str]:
    return {
        "BULLION_ALERTS": str(tmp_path / "alerts"),
        "BULLION_ALERT_WEBHOOK": hook.url,
        "BULLION_ALERT_TIMEOUT_S": "1",
        "BULLION_CATALOG_PASSWORD": "pa55-of-the-catalog",
    }


def looks(env: Mapping[str, str], *figures: Any) -> dict[str, Any]:
    """Look at each in turn, as new processes do; return the last report."""
    for each in figures:
        report = asked(env, lambda each=each: each)  # type: ignore[misc]
    return report


def asked(env: Mapping[str, str], told: Callable[[], Any]) -> dict[str, Any]:
    """Look a minute after the look before."""
    return look(Watch.read(env), told, NOON + timedelta(minutes=next(MINUTES)))


def lines(env: Mapping[str, str]) -> list[dict[str, Any]]:
    file = Path(env["BULLION_ALERTS"], "alerts.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def events(told: list[dict[str, Any]]) -> list[str]:
    return [each["event"] for each in told]


def test_an_incident_and_its_end_come_once_to_the_log_and_the_webhook(
    env: dict[str, str], hook: Receiver
) -> None:
    report = looks(env, CLOSED, CLOSED, CLOSED)
    assert report["open"] == ["lane_closed:acme"] and report["undelivered"] == []
    report = looks(env, SOUND, SOUND, SOUND)

    assert report["open"] == []
    assert events(hook.bodies) == events(lines(env)) == ["opened", "recovered"]
    opened, recovered = hook.bodies
    assert opened["incident"] == recovered["incident"]
    assert opened["kind"] == "lane_closed" and opened["subject"] == "acme"
    assert opened["since"] == AT.replace("+00:00", "Z")
    for words in ("jump not met", "release_lane", "docs/runbooks/closed-lane.md"):
        assert words in opened["text"]
    assert "over at" in recovered["text"]
    assert [each["Idempotency-Key"] for each in hook.headers] == [
        opened["id"],
        recovered["id"],
    ]


@pytest.mark.parametrize("status", [500, 404, 302, 204])
def test_what_the_webhook_does_not_take_is_sent_again_and_then_no_more(
    env: dict[str, str], hook: Receiver, status: int
) -> None:
    hook.status = status
    report = looks(env, CLOSED, CLOSED)
    if status == 204:
        assert report["undelivered"] == []
        return
    assert report["undelivered"][0]["notifier"] == "webhook"
    assert f"127.0.0.1 answered {status}" in report["undelivered"][0]["error"]
    # It ends meanwhile: both are told, in order.
    looks(env, SOUND, SOUND)
    assert hook.bodies == [] and hook.gets == []

    hook.status = 200
    report = looks(env, SOUND, SOUND)

    assert report["undelivered"] == []
    assert events(hook.bodies) == ["opened", "recovered"]
    assert events(lines(env)) == ["opened", "recovered"]


def test_a_webhook_that_does_not_answer_costs_its_time_limit_once(
    env: dict[str, str], hook: Receiver
) -> None:
    hook.wait.clear()
    looks(env, CLOSED)
    began = time.monotonic()
    report = looks(env, CLOSED)

    assert time.monotonic() - began < 4
    assert report["undelivered"][0]["notices"] == 1
    assert events(lines(env)) == ["opened"]


def test_nobody_listens_at_the_webhook(env: dict[str, str]) -> None:
    report = looks(
        env | {"BULLION_ALERT_WEBHOOK": "http://127.0.0.1:1/T0KEN"}, CLOSED, CLOSED
    )

    (owed,) = report["undelivered"]
    assert "127.0.0.1 is not reached" in owed["error"] and "T0KEN" not in str(report)


def test_a_look_that_fails_is_an_incident_and_holds_the_others(
    env: dict[str, str], hook: Receiver
) -> None:
    looks(env, CLOSED, CLOSED)

    def away() -> dict[str, Any]:
        raise ConnectionError("no catalog for catalog:pa55-of-the-catalog@host\nmore")

    for _ in range(3):
        report = asked(env, away)

    assert report["blind"] and report["open"] == ["lane_closed:acme", "watch_blind:"]
    assert [each["kind"] for each in hook.bodies] == ["lane_closed", "watch_blind"]
    told = hook.bodies[1]["text"]
    assert "cannot look: ConnectionError: no catalog for catalog:***@host" in told
    looks(env, CLOSED, CLOSED)
    assert events(hook.bodies) == ["opened", "opened", "recovered"]


def test_a_look_that_hangs_is_an_incident(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LOOK_S", 0.2)
    ever = threading.Event()

    def hangs() -> dict[str, Any]:
        ever.wait(20)
        return SOUND

    report = asked(env, hangs)
    ever.set()

    assert report["blind"] and "no answer within" in report["found"][0]


def test_no_secret_is_kept_told_or_reported(
    env: dict[str, str], hook: Receiver, tmp_path: Path
) -> None:
    hook.status = 500
    report = looks(env, CLOSED, CLOSED)

    kept = [file.read_text() for file in Path(env["BULLION_ALERTS"]).iterdir()]
    assert any("lane_closed" in each for each in kept)
    for each in (*kept, json.dumps(report), repr(report)):
        assert "T0KEN" not in each and "pa55" not in each


class Remembers:
    """A notifier of the user's own, that fails while its file says so."""

    name = "whatever"

    def __init__(self, env: Mapping[str, str]) -> None:
        self.folder = Path(env["BULLION_ALERTS"])

    def send(self, notice: Notice) -> None:
        if (self.folder / "refuse").exists():
            raise RuntimeError("not now, T0KEN-of-mine")
        with (self.folder / "own.txt").open("a") as file:
            file.write(notice["event"] + "\n")


def test_a_notifier_of_ones_own_holds_up_no_other_and_gets_all_in_the_end(
    env: dict[str, str], hook: Receiver
) -> None:
    path = f"{__name__}:Remembers"
    mine = env | {"BULLION_NOTIFIER": path}
    folder = Path(env["BULLION_ALERTS"])
    folder.mkdir()
    (folder / "refuse").touch()
    report = looks(mine, CLOSED, CLOSED)
    assert [each["notifier"] for each in report["undelivered"]] == [path]
    assert "RuntimeError: not now" in report["undelivered"][0]["error"]
    assert events(hook.bodies) == ["opened"]

    (folder / "refuse").unlink()
    looks(mine, SOUND, SOUND)

    assert (folder / "own.txt").read_text() == "opened\nrecovered\n"
    assert events(hook.bodies) == ["opened", "recovered"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"BULLION_NOTIFIER": "no_such_module:Thing"}, "no_such_module:Thing"),
        ({"BULLION_NOTIFIER": "json:NoSuchClass"}, "json:NoSuchClass"),
        ({"BULLION_ALERT_WEBHOOK": "ftp://host/T0KEN"}, "BULLION_ALERT_WEBHOOK is no"),
        ({"BULLION_ALERT_WEBHOOK": "http://[bad/T0KEN"}, "BULLION_ALERT_WEBHOOK is no"),
        ({"BULLION_ALERT_WEBHOOK_FIELDS": "some"}, "say all or text"),
    ],
)
def test_a_notifier_that_cannot_be_used_is_named_and_the_log_is_told(
    env: dict[str, str], change: dict[str, str], why: str
) -> None:
    report = looks(env | change, CLOSED, CLOSED)

    assert why in str(report["undelivered"]) and "T0KEN" not in str(report)
    assert events(lines(env)) == ["opened"]


def test_text_alone_is_what_chat_services_take(
    env: dict[str, str], hook: Receiver
) -> None:
    looks(env | {"BULLION_ALERT_WEBHOOK_FIELDS": "text"}, CLOSED, CLOSED)

    (body,) = hook.bodies
    assert set(body) == {"text"} and "lane_closed acme: opened" in body["text"]


def test_a_heartbeat_follows_each_good_look_and_no_blind_one(
    env: dict[str, str], hook: Receiver
) -> None:
    beats = env | {"BULLION_HEARTBEAT_URL": hook.url + "/beat"}
    looks(beats, SOUND, CLOSED)
    assert hook.gets == ["/hook/T0KEN-of-the-receiver/beat"] * 2

    def away() -> dict[str, Any]:
        raise ConnectionError

    assert asked(beats, away)["blind"] and len(hook.gets) == 2
    hook.status = 503
    assert looks(beats, SOUND)["heartbeat"] == "127.0.0.1 answered 503"


def test_two_looks_never_meet(env: dict[str, str]) -> None:
    with (
        alone(Path(env["BULLION_ALERTS"])),
        pytest.raises(WatchBusy, match="another look"),
    ):
        looks(env, SOUND)


def test_a_book_that_cannot_be_read_is_named(env: dict[str, str]) -> None:
    looks(env, SOUND)
    place(Path(env["BULLION_ALERTS"])).write_text("{")

    with pytest.raises(BookBroken, match="move it away"):
        looks(env, SOUND)


def test_what_waits_is_bounded_and_a_log_file_too(
    env: dict[str, str], hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MOST_WAITING", 4)
    monkeypatch.setattr("query.watch.notifiers.MOST_LOG_BYTES", 1000)
    hook.status = 500
    for _ in range(6):
        looks(env, CLOSED, CLOSED, SOUND, SOUND)

    folder = Path(env["BULLION_ALERTS"])
    assert len(Book.read(folder).outbox["webhook"]) == 4
    files = sorted(file.name for file in folder.glob("alerts*"))
    assert files == ["alerts.1.jsonl", "alerts.jsonl"]
    assert sum(file.stat().st_size for file in folder.glob("alerts*")) < 4000
