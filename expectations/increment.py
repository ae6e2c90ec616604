"""Exactly the rows that gold will read next, as verdicts and as figures."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from expectations.catalog import added_by, consumed, open_catalog, pending
from expectations.decisions import exempt
from expectations.engine import connection
from expectations.figures import figures, judged
from expectations.places import Folder, folder
from expectations.silver.trades import rules
from schemas.table import table_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """The snapshots (after, until] of a table, and what they hold."""

    after: int
    until: int
    rows: int
    verdicts: pd.DataFrame
    """A boolean column for each row rule, a line for each row."""
    figures: pd.DataFrame
    """One line: what only the batch as a whole can show."""
    refused: int = 0
    """Rows that a person refused: nobody judges them, and gold leaves them out."""


def checkpoint(address: str, exchange: str, env: Mapping[str, str]) -> Folder:
    """Return the folder of the stream that writes the table at an address."""
    place = folder(env["BULLION_CHECKPOINTS"], env)
    return place / table_at(address).checkpoint(exchange)


def waiting(reads: str, writes: str, exchange: str, env: Mapping[str, str]) -> int:
    """Return how many snapshots of one table the stream into another has to read."""
    table = open_catalog(env).load_table(table_at(reads).identifier(exchange))
    return len(pending(table, consumed(checkpoint(writes, exchange, env))))


def next_increment(
    reads: str, writes: str, exchange: str, env: Mapping[str, str]
) -> Increment | None:
    """Return what the stream from one table into another will read; None if nothing.

    Raises:
        HistoryGone: snapshots expired under the reader.
    """
    catalog = open_catalog(env)
    table = catalog.load_table(table_at(reads).identifier(exchange))
    after = consumed(checkpoint(writes, exchange, env))
    snapshots = pending(table, after)
    if not snapshots:
        return None
    added = {each.snapshot_id: added_by(table, each) for each in snapshots}
    files = [file for each in added.values() for file in each.files]
    candles = catalog.load_table(table_at("gold.candles_1m").identifier())
    free = exempt(catalog, exchange, {n: each.files for n, each in added.items()})
    lettered = "blocking_share"
    notes = [
        each.notes
        for each in added.values()
        if not any(lettered in free.admitted.get(file, ()) for file in each.files)
    ]
    with connection(env) as engine:
        verdicts = judged(engine, files, rules(exchange), free)
        line = figures(engine, files, candles, exchange, notes, free)
    rows = int(line["row_count"].iloc[0])
    return Increment(
        after=after.snapshot_id,
        until=snapshots[0].snapshot_id,
        rows=rows,
        verdicts=verdicts,
        figures=line,
        refused=rows - len(verdicts),
    )
