"""What a capture process says of itself, by its metrics."""

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from query.settings import Settings

LINE = re.compile(r"^(bullion_\w+)\{(.*)\} (\S+)$", re.MULTILINE)
SYMBOL = re.compile(r'symbol="([^"]*)"')


def capture(settings: Settings, exchange: str) -> dict[str, Any] | None:
    """Return connections, and the symbols that are unconfirmed or refused.

    `error` says why the process does not answer, and is empty if it does. None where it
    is not known where it exports its metrics.
    """
    if not (url := settings.capture_metrics.get(exchange)):
        return None
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            page = str(answer.read(), "utf-8", "replace")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        return {"connections": 0, "unconfirmed": [], "refused": [], "error": f"{why}"}
    return {**told(page), "error": ""}


def told(page: str) -> Mapping[str, Any]:
    """Return what is read from a page of metrics."""
    connections, confirmed, refused = 0, {}, {}
    for name, labels, value in LINE.findall(page):
        symbol = SYMBOL.search(labels)
        match name:
            case "bullion_connections_open":
                connections += int(float(value))
            case "bullion_subscription_confirmed" if symbol:
                confirmed[symbol[1]] = float(value)
            case "bullion_subscription_refused" if symbol:
                refused[symbol[1]] = float(value)
    return {
        "connections": connections,
        "unconfirmed": sorted(name for name, is_so in confirmed.items() if not is_so),
        "refused": sorted(name for name, is_so in refused.items() if is_so),
    }
