"""People of a whole stack: those who log in to Airflow, and those who are told."""

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from query.airflow_api import Airflow
from tests.query.receiver import Receiver
from tests.stack.laptop import Laptop, eventually


def logged_in(laptop: Laptop, name: str) -> Airflow:
    """Return Airflow as one of its people sees it."""
    flow = Airflow(laptop.settings)
    passwords = json.loads(laptop.settings.airflow_passwords.read_text())
    who = {"username": name, "password": passwords[name]}
    flow.token = ""
    flow.token = str(flow.ask("/auth/token", who)["access_token"])
    return flow


def refused(
    laptop: Laptop, name: str, path: str, body: dict[str, Any], how: str
) -> bool:
    """Return whether Airflow tells somebody that this is not for them."""
    with pytest.raises(HTTPError) as answer:
        logged_in(laptop, name).ask(path, body, how)
    return answer.value.code == 403


def told(hook: Receiver, kind: str, subject: str) -> list[dict[str, Any]]:
    """Return what the webhook was told of one thing, in order."""
    return [
        each
        for each in list(hook.bodies)
        if (each["kind"], each["subject"]) == (kind, subject)
    ]


def logged(laptop: Laptop, kind: str, subject: str) -> list[dict[str, Any]]:
    """Return what the log of alerts was told of one thing, in order."""
    file = Path(laptop.settings.alerts, "alerts.jsonl")
    lines = map(json.loads, file.read_text().splitlines())
    return [
        each for each in lines if (each["kind"], each["subject"]) == (kind, subject)
    ]


def hears(
    laptop: Laptop, hook: Receiver, kind: str, subject: str, *events: str
) -> list[dict[str, Any]]:
    """Wait until the webhook was told this of one thing; return exactly that.

    A look is a minute away, and a thing has to hold for most of another.
    """
    took = eventually(
        lambda: len(told(hook, kind, subject)) >= len(events),
        f"{kind} of {subject} is told of: {events}",
        within=240,
        every=1,
    )
    print(f"{kind} of {subject}, {events[-1]}: told after {took:.0f} s more")
    notices = told(hook, kind, subject)
    assert [each["event"] for each in notices] == list(events)
    assert logged(laptop, kind, subject) == notices
    return notices
