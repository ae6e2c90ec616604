"""What is true of an exchange even when nothing runs, read from its folder by path."""

import json
from datetime import date

from schemas.table import ROOT, all_exchanges


def opened(exchange: str) -> date:
    """Return the UTC day on which the exchange opened: no trade can be older.

    It stands in the `about.json` of the exchange's folder, so that rooms which may not
    import an adapter can ask too.

    Raises:
        LookupError: there is no such folder; the message names those there are.
    """
    if exchange not in all_exchanges():
        known = ", ".join(all_exchanges())
        raise LookupError(f"no exchange {exchange!r}; known: {known}")
    file = ROOT / "ingestion/exchanges" / exchange / "about.json"
    return date.fromisoformat(json.loads(file.read_text())["opened"])
