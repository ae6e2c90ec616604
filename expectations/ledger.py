"""What the ledger of trade ids owes: trades it has not seen, holes nobody asked for."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from expectations.catalog import added_files, open_catalog
from expectations.rollups import noted
from schemas.exchange import has_past_days
from schemas.id_range import IdRange, cut, from_text, without
from schemas.table import all_exchanges, table_at

READ_TO = "bullion.ledger-read-to"
"""What the ledger leaves in a snapshot's summary: how far it has read gold."""
BY_REST = 1_000_000
"""Ids for which a hole is asked by REST; one that lacks more is days of the past."""
AT_ONCE = 200
"""Holes that one fill is given, the oldest first."""


def unread(env: Mapping[str, str]) -> bool:
    """Return whether gold has trades that the ledger does not know."""
    catalog = open_catalog(env)
    ranges, gold = (
        catalog.load_table(table_at(address).identifier())
        for address in ("gold.ranges", "gold.trades")
    )
    at = gold.current_snapshot()
    while at is not None and not added_files(at):
        parent = at.parent_snapshot_id
        at = gold.snapshot_by_id(parent) if parent else None
    return at is not None and at.snapshot_id != noted(ranges, READ_TO)


def open_gaps(env: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows of the ledger's gaps that lack trades which may still come."""
    table = open_catalog(env).load_table(table_at("gold.gaps").identifier())
    rows = table.scan(row_filter="state IN ('open', 'filling')").to_arrow()
    told: list[dict[str, Any]] = rows.to_pylist()
    return told


def tell_capture(
    gaps: Sequence[Mapping[str, Any]], env: Mapping[str, str], now: datetime
) -> None:
    """Write how many gaps each exchange has, for the metrics of its capture.

    Nothing is written where `BULLION_GAPS` names no file.
    """
    if not (told := env.get("BULLION_GAPS")):
        return
    of_each: dict[str, dict[str, int]] = {}
    for gap in gaps:
        mine = of_each.setdefault(gap["exchange"], {"gaps": 0, "missing": 0})
        mine["gaps"] += 1
        mine["missing"] += gap["missing"]
    file = Path(told)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"told_at": now.timestamp(), "exchanges": of_each}))
    part.replace(file)


def holes_to_fill(
    gaps: Iterable[Mapping[str, Any]], env: Mapping[str, str], now: datetime
) -> list[dict[str, Any]]:
    """Return those of the open gaps that are to be asked for, as a fill is told."""
    due_gaps = holes(gaps, now, again_after(env))
    found = sorted(due_gaps, key=lambda row: row["found_at"])[:AT_ONCE]
    ranges = [
        each
        for exchange in {row["exchange"] for row in found}
        for each in ranges_of(env, exchange)
    ]
    return [
        {
            "exchange": row["exchange"],
            "symbol": row["symbol"],
            "first_missing_id": row["first_missing_id"],
            "last_missing_id": row["last_missing_id"],
            "missing": missing,
            "after": after.isoformat(),
        }
        for row in found
        for missing, after in [due(row, ranges)]
    ]


def due(
    gap: Mapping[str, Any], ranges: Iterable[Mapping[str, Any]]
) -> tuple[list[IdRange], datetime]:
    """Return the ids of a gap to ask for now, and when the trade before them was.

    Where the time of the last fill was up before it was through, the next goes on from
    there, and need not wait until gold has what that one brought.
    """
    missing = from_text(gap["missing_ranges"])
    if went_on := behind(gap):
        left, after = went_on
    else:
        left, after = missing, begins_after(gap, missing[0][0], ranges)
    return cut(left, BY_REST), after


def behind(gap: Mapping[str, Any]) -> tuple[list[IdRange], datetime] | None:
    """Return what the last fill had not come to, and how far that was, if any."""
    reached = json.loads(gap["evidence"] or "{}").get("last", {}).get("reached")
    if reached is None:
        return None
    asked = (0, int(reached[0]))
    missing = from_text(gap["missing_ranges"])
    left = [part for span in missing for part in without(span, [asked])]
    return (left, datetime.fromisoformat(reached[1])) if left else None


def begins_after(
    gap: Mapping[str, Any], first: int, ranges: Iterable[Mapping[str, Any]]
) -> datetime:
    """Return the time of the last trade that gold holds before a gap's first one.

    A fill ends before it is through a wide gap. Where time is the cursor, the next one
    would read again what the one before brought, as far as that came and no further.
    """
    filled: list[tuple[int, datetime]] = [
        (each["last_id"], each["last_timestamp"])
        for each in ranges
        if (each["exchange"], each["symbol"]) == (gap["exchange"], gap["symbol"])
        and gap["first_missing_id"] <= each["last_id"] < first
    ]
    before: datetime = gap["after_timestamp"]
    return max(filled)[1] if filled else before


def held(env: Mapping[str, str], exchange: str) -> dict[str, list[IdRange]]:
    """Return the trade ids that gold holds of an exchange, by symbol."""
    found: dict[str, list[IdRange]] = {}
    for row in ranges_of(env, exchange):
        ids = (row["first_id"], row["last_id"])
        found.setdefault(row["symbol"], []).append(ids)
    return found


def before_capture(
    env: Mapping[str, str], exchange: str, day: date
) -> dict[str, IdRange]:
    """Return the ids below each symbol's first live trade, if it came by that day."""
    first: dict[str, int] = {}
    for row in ranges_of(env, exchange):
        live = row.get("live_from_id")
        if live is not None and row["live_since"].date() <= day:
            first[row["symbol"]] = min(live, first.get(row["symbol"], live))
    return {symbol: (0, live - 1) for symbol, live in first.items()}


def ranges_of(env: Mapping[str, str], exchange: str) -> list[dict[str, Any]]:
    table = open_catalog(env).load_table(table_at("gold.ranges").identifier())
    rows = table.scan(row_filter=f"exchange = '{exchange.upper()}'").to_arrow()
    told: list[dict[str, Any]] = rows.to_pylist()
    return told


def by_rest(exchange: str, missing: int) -> bool:
    """Return whether a hole that lacks so many ids is asked for by REST.

    A wide one is not where its days can be brought whole.
    """
    name = exchange.lower()
    has_days = name not in all_exchanges() or has_past_days(name)
    return missing <= BY_REST or not has_days


def again_after(env: Mapping[str, str]) -> timedelta:
    """Return how long trades of a fill may be on their way before they are asked again.

    What is left out twice, so far apart, is absent at the exchange.
    """
    return timedelta(seconds=float(env.get("BULLION_ABSENT_AFTER_SECONDS") or 120))


def holes(
    gaps: Iterable[Mapping[str, Any]], now: datetime, again: timedelta
) -> Iterator[Mapping[str, Any]]:
    for row in gaps:
        last = json.loads(row["evidence"] or "{}").get("last")
        asked = datetime.fromisoformat(last["asked_at"]) if last else None
        waited = asked is None or now - asked >= again
        if (waited or behind(row)) and by_rest(row["exchange"], row["missing"]):
            yield row
