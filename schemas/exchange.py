"""What is true of an exchange even when nothing runs, read from its folder by path."""

import json
from collections.abc import Mapping
from datetime import date

from schemas.table import ROOT, all_exchanges


def opened(exchange: str) -> date:
    """Return the UTC day on which the exchange opened: no trade can be older.

    Raises:
        LookupError: there is no such folder; the message names those there are.
    """
    return date.fromisoformat(about(exchange)["opened"])


def counts_trades(exchange: str) -> bool:
    """Return whether a symbol's ids count up by one: a jump then proves a loss.

    Raises:
        LookupError: there is no such folder; the message names those there are.
    """
    return about(exchange)["trade_ids"] == "contiguous"


def has_past_days(exchange: str) -> bool:
    """Return whether whole days of the past can be had, from files or REST.

    Raises:
        LookupError: there is no such folder; the message names those there are.
    """
    return about(exchange)["past_days"] != "none"


def has_files(exchange: str) -> bool:
    """Return whether the exchange publishes files of its past days.

    Raises:
        LookupError: there is no such folder; the message names those there are.
    """
    return about(exchange)["past_days"] == "files"


def usual_exchanges() -> tuple[str, ...]:
    """Return the exchanges that are captured unless others are asked for.

    A folder that says nothing of it is one of them.
    """
    return tuple(e for e in all_exchanges() if about(e).get("usual", "yes") == "yes")


def exchanges_in(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the exchanges that BULLION_EXCHANGES names, or the usual ones.

    Raises:
        LookupError: one of them has no folder; the message names those there are.
    """
    asked = env.get("BULLION_EXCHANGES", "").replace(",", " ").split()
    unknown = set(asked) - set(all_exchanges())
    if unknown:
        raise LookupError(
            f"BULLION_EXCHANGES names {', '.join(sorted(unknown))}; "
            f"there are: {', '.join(all_exchanges())}"
        )
    return tuple(asked) or usual_exchanges()


def about(exchange: str) -> Mapping[str, str]:
    """Return what the `about.json` of an exchange's folder says.

    It stands there so that rooms which may not import an adapter can ask too.
    """
    if exchange not in all_exchanges():
        known = ", ".join(all_exchanges())
        raise LookupError(f"no exchange {exchange!r}; known: {known}")
    file = ROOT / "ingestion/exchanges" / exchange / "about.json"
    said: Mapping[str, str] = json.loads(file.read_text())
    return said
