"""The gate before gold: committed checkpoints, asked of exactly one increment."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import great_expectations as gx
import pandas as pd
from great_expectations.core.run_identifier import RunIdentifier

from expectations.build_gx_context import PLACES
from expectations.gate_notes import notes
from expectations.increment import Increment, next_increment
from expectations.suites import INCREMENT, ROWS

# `[logging] namespace_levels` does not reach what runs inside a task.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
ROTATE_AT = 5_000_000
"""Bytes after which the file of a lane's gates is set aside, once."""


class GateClosed(Exception):
    """Rows that must not go on: leave them where they are, and call a person."""


def hold_increment(
    reads: str, writes: str, exchange: str, run_id: str, env: Mapping[str, str]
) -> dict[str, str] | None:
    """Return what passed, as text for people and for gold; None if nothing waits.

    Raises:
        GateClosed: a critical expectation was not met; the message names them.
        HistoryGone: snapshots expired under the reader.
        RuntimeError: an expectation could not be asked; that says nothing of the rows.
    """
    increment = next_increment(reads, writes, exchange, env)
    if increment is None:
        return None
    return pass_or_close(increment, exchange, run_id, env)


def pass_or_close(
    increment: Increment, exchange: str, run_id: str, env: Mapping[str, str]
) -> dict[str, str]:
    """Return what passed, and note the gate's outcome whatever it is; see above.

    `refused` is how many of its rows gold is to leave out.
    """
    told = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "exchange": exchange,
        "run_id": run_id,
        "snapshot_from": str(increment.after),
        "snapshot_to": str(increment.until),
        "rows": str(increment.rows),
    }
    try:
        failed = ask(increment, f"{exchange}.{run_id}", env)
    except RuntimeError as error:
        remember(env, told, "error", [str(error)[:300]])
        raise
    critical = sorted(name for name, worst in failed.items() if worst == "critical")
    outcome = "closed" if critical else "warning" if failed else "passed"
    remember(env, told, outcome, critical or sorted(failed))
    if critical:
        raise GateClosed(
            f"the lane of {exchange} is closed: {', '.join(critical)}. The "
            f"{increment.rows} rows stay in silver, and nothing of them is in gold. "
            "Look at Data quality in the menu: what was measured stands there. Whoever "
            "knows better decides in the DAG `release_lane`."
        )
    return told | {"outcome": outcome, "refused": str(increment.refused)}


def ask(increment: Increment, run_id: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return the names of what was not met, each with its severity."""
    return {
        **hold(ROWS, increment.verdicts, run_id, env),
        **hold(INCREMENT, increment.figures, run_id, env),
    }


def hold(
    checkpoint: str, frame: pd.DataFrame, run_id: str, env: Mapping[str, str]
) -> dict[str, str]:
    """Return the columns whose expectation was not met, each with its severity.

    The context is only read; the result is stored for the Data Docs.

    Raises:
        RuntimeError: an expectation could not be asked.
    """
    context = gx.get_context(
        mode="file",
        context_root_dir=env["BULLION_GX"],
        runtime_environment={name: env[name] for name in PLACES},
    )
    result = context.checkpoints.get(checkpoint).run(
        batch_parameters={"dataframe": frame},
        # Colons would end up in paths and links of the Data Docs.
        run_id=RunIdentifier(run_id.replace(":", "-"), run_time=datetime.now(UTC)),
    )
    failed = {}
    for validation in result.run_results.values():
        for asked in validation.results:
            config = asked.expectation_config
            assert config is not None
            if not {"observed_value", "element_count"} & asked.result.keys():
                raise RuntimeError(f"{checkpoint} could not be asked: {config.kwargs}")
            if not asked.success:
                failed[str(config.kwargs["column"])] = str(
                    getattr(config.severity, "value", config.severity)
                )
    return failed


def remember(
    env: Mapping[str, str], told: Mapping[str, str], outcome: str, failed: list[str]
) -> None:
    """Append one line to the lane's gates: for `status`, and for who asks later."""
    file = notes(Path(env["BULLION_GATES"]), told["exchange"])
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > ROTATE_AT:
        file.replace(file.with_suffix(".jsonl.1"))
    line = {**told, "rows": int(told["rows"]), "outcome": outcome, "failed": failed}
    with file.open("a") as opened:
        opened.write(json.dumps(line) + "\n")
