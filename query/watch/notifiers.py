"""Ways to tell people: a log file, a webhook, or a class of one's own."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from query.watch.bars import SettingRefused, number
from query.watch.notices import Notice

MOST_LOG_BYTES = 1_000_000
"""Of the file of notices; then it becomes alerts.1.jsonl, and another begins."""


class NotDelivered(Exception):
    """A notice that was not taken; it is sent again with the next look.

    The message is shown to people and holds no secret.
    """


class Notifier(Protocol):
    """Whoever tells people. `BULLION_NOTIFIER=module:name` names one of your own:
    called with the environment, it returns such an object."""

    name: str

    def send(self, notice: Notice) -> None:
        """Deliver one notice, within seconds.

        Raises:
            NotDelivered: it was not taken. Any other error counts the same.
        """


class LogFile:
    """One JSON line a notice, in `alerts.jsonl`; the file before it is kept."""

    name = "log"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "alerts.jsonl"

    def send(self, notice: Notice) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if self.file.exists() and self.file.stat().st_size > MOST_LOG_BYTES:
            self.file.replace(self.file.with_suffix(".1.jsonl"))
        with self.file.open("a") as log:
            log.write(json.dumps(notice) + "\n")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the notice, as a GET, to whoever it names."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None


class Webhook:
    """Posts a notice as JSON; the address may hold a token, and is never shown."""

    name = "webhook"

    def __init__(self, url: str, fields: str = "all", timeout_s: float = 5) -> None:
        self.url, self.fields, self.timeout_s = url, fields, timeout_s
        self.host = host_of(url, "BULLION_ALERT_WEBHOOK")

    def send(self, notice: Notice) -> None:
        body = {"text": notice["text"]} if self.fields == "text" else notice
        request = urllib.request.Request(
            self.url,
            data=json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "User-Agent": "bullion-watch",
                # A receiver that knows the header drops a repeat.
                "Idempotency-Key": notice["id"],
            },
        )
        asked(request, self.host, self.timeout_s)


def asked(request: urllib.request.Request, host: str, timeout_s: float) -> None:
    """Send a request and let go of the answer.

    Raises:
        NotDelivered: the answer was none of 2xx, or there was none in time.
    """
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(request, timeout=timeout_s):
            return
    except urllib.error.HTTPError as refused:
        why = f"{host} answered {refused.code}"
    except urllib.error.URLError as away:
        why = f"{host} is not reached: {away.reason}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        # Its own text may hold the address.
        why = f"{host} is not reached: {type(error).__name__}"
    raise NotDelivered(why)


def host_of(url: str, setting: str) -> str:
    """Return the host of an address, which is all of it that is ever shown.

    Raises:
        SettingRefused: it is no http or https address.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        known = None
    if not known:
        raise SettingRefused(f"{setting} is no http:// or https:// address: correct it")
    return str(known)


class Unusable:
    """Stands for a notifier whose settings are wrong: what it owes waits for it."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why

    def send(self, notice: Notice) -> None:
        raise NotDelivered(self.why)


def notifiers(env: Mapping[str, str], folder: Path) -> tuple[Notifier, ...]:
    """Return whoever is to be told: the log file, and what the settings name.

    One that cannot be used hides no other: it delivers nothing, and says why.
    """
    told: list[Notifier] = [LogFile(folder)]
    if url := env.get("BULLION_ALERT_WEBHOOK"):
        told.append(usable("webhook", partial(webhook, url, env)))
    for path in (env.get("BULLION_NOTIFIER") or "").replace(",", " ").split():
        told.append(usable(path, partial(own, path, env)))
    return tuple(told)


def usable(name: str, made: Callable[[], Notifier]) -> Notifier:
    try:
        return made()
    except SettingRefused as refused:
        return Unusable(name, str(refused))


def webhook(url: str, env: Mapping[str, str]) -> Webhook:
    """Return the webhook that the settings ask for.

    Raises:
        SettingRefused: one of them cannot be used.
    """
    fields = env.get("BULLION_ALERT_WEBHOOK_FIELDS") or "all"
    if fields not in ("all", "text"):
        raise SettingRefused(
            f"BULLION_ALERT_WEBHOOK_FIELDS is {fields!r}: say all or text"
        )
    return Webhook(url, fields, number(env, "BULLION_ALERT_TIMEOUT_S", 5))


def own(path: str, env: Mapping[str, str]) -> Notifier:
    """Return the notifier that `module:name` makes; it is known by that path.

    Raises:
        SettingRefused: it cannot be loaded, or does not want these settings.
    """
    module, _, name = path.partition(":")
    try:
        made: Notifier = getattr(import_module(module), name)(env)
    except Exception as error:  # it is the user's code, which may raise anything
        raise SettingRefused(
            f"BULLION_NOTIFIER names {path!r}, which cannot be used ({error}): write "
            "module:name, with the module on PYTHONPATH"
        ) from error
    made.name = path
    return made
