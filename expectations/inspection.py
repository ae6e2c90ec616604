"""Gold's tables after they were written: what came since the last look is judged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from pyiceberg.manifest import ManifestContent
from pyiceberg.table import Table

from expectations import candles
from expectations.catalog import open_catalog
from expectations.engine import connection
from expectations.gate import hold, noted
from expectations.gate_digest import remember
from expectations.gold import trades
from expectations.rule import Rule, given
from expectations.suites import CANDLES, GOLD
from schemas.table import table_at

MEMORY = "1GB"
LATE = (
    "coalesce(quantile_cont(date_diff('ms', ingestion_timestamp, "
    "gold_ingestion_timestamp) / 1000, 0.95), 0) AS to_gold_p95_s"
)
NO_SUM = "count(*) FILTER (volume IS NULL OR vwap IS NULL) AS without_sums"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """One table: by which suite and rules its rows are judged."""

    address: str
    suite: str
    rules: tuple[Rule, ...]
    figure: str
    """SQL of what is no rule of a row, with its name."""

    @property
    def label(self) -> str:
        """Its name in the notes, in Data Docs and on the page of all gates."""
        return table_at(self.address).stored_as


def inspected() -> tuple[Inspected, ...]:
    """Return every table that is inspected, the trades first."""
    widths = {"1m": 60, "5m": 300, "1h": 3600, "1d": 86_400}
    of_candles = (
        Inspected(
            address=f"gold.candles_{name}",
            suite=CANDLES,
            rules=candles.rules(timedelta(seconds=seconds)),
            figure=NO_SUM,
        )
        for name, seconds in widths.items()
    )
    of_trades = Inspected(
        address="gold.trades", suite=GOLD, rules=trades.rules(), figure=LATE
    )
    return (of_trades, *of_candles)


class Unsound(Exception):
    """A table holds rows that break a rule: nothing stops, and a person is called."""


def inspect(
    asked: Inspected, run_id: str, env: Mapping[str, str]
) -> dict[str, Any] | None:
    """Judge what a table's files of today have since the last look; return the note.

    None if nothing came. What is at fault is judged again by each later look, until it
    has been replaced: a file that is no longer the table's is not asked about.

    Raises:
        Unsound: a critical expectation is not met; the message names it.
        RuntimeError: an expectation could not be asked; that says nothing of the rows.
    """
    table = open_catalog(env).load_table(table_at(asked.address).identifier())
    place = Path(env["BULLION_GATES"]) / f"{asked.label}.json"
    since = position(table, place)
    files = fresh(table, since)
    if not files:
        return None
    head = table.current_snapshot()
    assert head is not None
    with connection(env) as engine, TemporaryDirectory() as spilled:
        # The first look has a day of everything: more than a laptop may be asked for.
        engine.execute(f"SET memory_limit = '{MEMORY}'")
        engine.execute(f"SET temp_directory = '{spilled}'")
        frame = engine.execute(question(asked), [files]).df()
    told = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "exchange": asked.label,
        "run_id": run_id,
        "snapshot_to": str(head.snapshot_id),
        "rows": str(frame["row_count"].iloc[0]),
    }
    note, critical = judged(asked, frame, told, env)
    remember(place.parent, asked.label, note)
    if critical:
        raise Unsound(
            f"{asked.label} holds rows that break {', '.join(critical)}: of "
            f"{told['rows']} that came since the last look. Look at Browse > Data "
            "quality, and have the DAG `audit` prove the day"
        )
    place.write_text(
        json.dumps({"sequence": head.sequence_number, "snapshot": head.snapshot_id})
    )
    return note


def judged(
    asked: Inspected,
    frame: pd.DataFrame,
    told: Mapping[str, str],
    env: Mapping[str, str],
) -> tuple[dict[str, object], list[str]]:
    """Return the note of a look, and the critical expectations that are not met."""
    try:
        verdicts = hold(asked.suite, frame, f"{asked.label}.{told['run_id']}", env)
    except RuntimeError as error:
        why = [str(error)[:300]]
        remember(Path(env["BULLION_GATES"]), asked.label, noted(told, "error", why))
        raise
    failed = [each for each in verdicts if not each.met]
    critical = sorted(each.name for each in failed if each.severity == "critical")
    outcome = "failed" if critical else "warning" if failed else "passed"
    names = critical or sorted(each.name for each in failed)
    return noted(told, outcome, names, verdicts), critical


def question(asked: Inspected) -> str:
    """Return DuckDB SQL for one line: rows, repeated keys, rows at fault by rule."""
    first = "".join(f", {sql} AS {name}" for name, sql in given(asked.rules).items())
    key = ", ".join(table_at(asked.address).key)
    counts = ", ".join(
        f"count(*) FILTER (NOT {rule.verdict}) AS {rule.error_reason}"
        for rule in asked.rules
    )
    return (
        f"SELECT count(*) AS row_count, count(*) - count(DISTINCT md5_number(concat_ws("
        f"'|', {key}))) AS repeated_keys, {asked.figure}, {counts} "
        f"FROM (SELECT *{first} FROM read_parquet($1))"
    )


def position(table: Table, place: Path) -> int:
    """Return the sequence number up to which a table was found to be sound.

    Without a note, or with one of another history (a restored catalog), what the kept
    snapshots brought is judged: older rows are the audit's.
    """
    kept = table.metadata.snapshots
    oldest = min((each.sequence_number or 0 for each in kept), default=1) - 1
    if not place.exists():
        return oldest
    told = json.loads(place.read_text())
    sequence = int(told["sequence"])
    expired = sequence <= oldest
    same = table.snapshot_by_id(int(told["snapshot"])) is not None
    return sequence if same or expired else oldest


def fresh(table: Table, since: int) -> list[str]:
    """Return the data files that the table has now and had not at a sequence number.

    Files that upkeep put together are among them: rows that it doubled would be seen.
    """
    head = table.current_snapshot()
    manifests = head.manifests(table.io) if head else []
    if any(each.content is not ManifestContent.DATA for each in manifests):
        raise RuntimeError(f"{table.name()} has files of deletes, which are not read")
    return [
        entry.data_file.file_path
        for manifest in manifests
        if (manifest.sequence_number or 0) > since
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
        if (entry.file_sequence_number or 0) > since
    ]
