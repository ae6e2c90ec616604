"""Gold's day against what the exchange itself says: archive, trade ids, counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from schemas.exchange import counts_trades
from schemas.id_range import IdRange, common, from_text, joined, size
from spark_apps.audit.messages import RUNBOOK
from spark_apps.audit.pins import Pins
from spark_apps.audit.verdict import Day, Verdict, judged, not_comparable
from spark_apps.spans import plain, within

ARCHIVE, IDS, COUNTS = "the exchange's archive", "trade ids", "spans at REST"


@dataclass(frozen=True, slots=True)
class Tally:
    """What an archive has of one symbol's day."""

    trades: int = 0
    first_id: int = -1
    last_id: int = -1
    why_not: str = ""
    """Why there is nothing to compare with; empty if there is."""


Tallies = Mapping[tuple[str, str, str], Tally]
"""By exchange in capitals, symbol and day as text."""
Held = Mapping[str, tuple[int, int, int]]
"""By symbol: trades, first id, last id."""


def tallies(text: str) -> Tallies:
    """Return what `python -m ingestion tally` reports, JSON of one or more reports."""
    return {
        (one["exchange"], each["symbol"], one["day"]): Tally(
            each["trades"],
            -1 if each["first_id"] is None else each["first_id"],
            -1 if each["last_id"] is None else each["last_id"],
            each["error"],
        )
        for one in json.loads(text or "null") or ()
        for each in one["symbols"]
    }


def tallies_in(file: str) -> Tallies:
    """Return the tallies in a file."""
    return tallies(Path(file).read_text())


def in_gold(pins: Pins, day: Day) -> Held:
    """Return how many trades gold has of each symbol, and their first and last id."""
    number = F.expr("try_cast(trade_id AS bigint)")
    rows = (
        pins.mine("gold.trades")
        .where(within("timestamp", [day.span]))
        .groupBy("symbol")
        .agg(F.count("*"), F.min(number), F.max(number))
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows.collect()}


def against_archive(pins: Pins, day: Day, held: Held, told: Tallies) -> Verdict:
    """Compare each symbol's number of trades, first and last id with the archive's."""
    name, asked = pins.exchange.upper(), "number of trades, first and last id by symbol"
    mine = {
        symbol: tally
        for (exchange, symbol, at), tally in told.items()
        if (exchange, at) == (name, day.day.isoformat())
    }
    if not mine:
        why = "the exchange publishes no files, or was not asked"
        return not_comparable(name, ARCHIVE, asked, why)
    since = captured_since(pins)
    wrong, waiting, expected, found = [], [], 0, 0
    for symbol, tally in sorted(mine.items()):
        have = held.get(symbol, (0, -1, -1))
        begun = since.get(symbol)
        if tally.why_not:
            waiting.append(f"{symbol}: {tally.why_not}")
            continue
        if have == (tally.trades, tally.first_id, tally.last_id):
            expected, found = expected + tally.trades, found + have[0]
            continue
        if begun is None or began_later(begun, day, have, tally):
            waiting.append(f"{symbol}: capture began {begun or 'never'}; backfill it")
            continue
        expected, found = expected + tally.trades, found + have[0]
        wrong.append(
            f"{symbol}: archive {tally.trades} trades, {tally.first_id} to "
            f"{tally.last_id}; gold {have[0]}, {have[1]} to {have[2]}"
        )
    again = f"./bullion airflow dags trigger backfill__{pins.exchange} -c "
    return judged(
        name,
        ARCHIVE,
        asked,
        expected=expected,
        found=found,
        differing=len(wrong),
        samples=wrong,
        next_step=f'bring the day again: {again}\'{{"day": "{day.day}"}}\'',
        waiting="; ".join(waiting[:3]),
    )


def began_later(begun: Any, day: Day, have: tuple[int, int, int], tally: Tally) -> bool:
    """Return whether nobody claims that gold has the whole day.

    Capture began after it, and nobody has brought it; or it began in its midst.
    """
    first, until = day.span
    if not have[0]:
        return bool(begun >= until)
    return bool(begun > first and have[1] > tally.first_id)


def captured_since(pins: Pins) -> Mapping[str, Any]:
    """Return when capture of each symbol began; UTC, without a zone."""
    rows = pins.mine("gold.ranges").where("live_since IS NOT NULL")
    told = rows.groupBy("symbol").agg(F.min("live_since")).collect()
    return {row[0]: plain(row[1]) if row[1].tzinfo else row[1] for row in told}


def by_ids(pins: Pins, day: Day, held: Held) -> Verdict:
    """Look for ids between a day's first and last that neither gold nor ledger know."""
    name = pins.exchange.upper()
    asked = "ids between the day's first and last: in gold, or a hole of the ledger"
    if not counts_trades(pins.exchange):
        return not_comparable(name, IDS, asked, "its ids do not count trades")
    if not held:
        return not_comparable(name, IDS, asked, "gold has no trade of that day")
    known, still = gaps_of(pins, "state <> 'filled'"), gaps_of(
        pins, "state IN ('open', 'filling')"
    )
    wrong, waiting, expected, off = [], 0, 0, 0
    for symbol, (trades, first, last) in sorted(held.items()):
        span = [(first, last)]
        explained = size(common(span, joined(known.get(symbol, ()))))
        waiting += size(common(span, joined(still.get(symbol, ()))))
        wanted = last - first + 1 - explained
        expected += wanted
        if wanted != trades:
            off += abs(wanted - trades)
            wrong.append(
                f"{symbol}: {wanted} ids from {first} to {last}, {trades} held"
            )
    return judged(
        name,
        IDS,
        asked,
        expected=expected,
        found=sum(each[0] for each in held.values()),
        differing=off,
        samples=wrong,
        next_step=f"see ./bullion completeness, {RUNBOOK}",
        waiting=(
            f"{waiting} ids are missing still: ./bullion completeness"
            if waiting
            else ""
        ),
    )


def gaps_of(pins: Pins, which: str) -> Mapping[str, Sequence[IdRange]]:
    """Return the missing ids of each symbol, by the ledger."""
    found: dict[str, list[IdRange]] = {}
    rows = pins.mine("gold.gaps").where(which).select("symbol", "missing_ranges")
    for row in rows.collect():
        found.setdefault(row.symbol, []).extend(from_text(row.missing_ranges))
    return found


def by_counts(pins: Pins, day: Day) -> Verdict:
    """Tell what `reconciliation` found of the spans that REST was asked for."""
    name, asked = pins.exchange.upper(), "spans that were counted at REST and in gold"
    if counts_trades(pins.exchange):
        return not_comparable(name, COUNTS, asked, "ids prove it: see the check of ids")
    rows = pins.mine("gold.counts").where(within("since", [day.span])).collect()
    done = [row for row in rows if row.state != "open"]
    if not done:
        return not_comparable(name, COUNTS, asked, "no span of that day was counted")
    wrong = [row for row in done if row.state != "equal"]
    return judged(
        name,
        COUNTS,
        asked,
        expected=sum(row.at_exchange for row in done),
        found=sum(row.in_gold or 0 for row in done),
        differing=len(wrong),
        samples=[
            f"{row.symbol} {row.since}: REST {row.at_exchange}, gold {row.in_gold}"
            for row in wrong
        ],
        next_step="see docs/runbooks/gaps.md",
    )
