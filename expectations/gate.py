"""The gate before gold: committed checkpoints, asked of exactly one increment."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import great_expectations as gx
import pandas as pd
from great_expectations.core.run_identifier import RunIdentifier

from expectations.build_gx_context import PLACES
from expectations.gate_digest import remember
from expectations.increment import Increment, next_increment
from expectations.suites import INCREMENT, ROWS

# `[logging] namespace_levels` does not reach what runs inside a task.
logging.getLogger("great_expectations").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one expectation."""

    name: str
    met: bool
    severity: str
    measured: float
    """The figure that was judged, or how many rows are at fault."""


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
    folder = Path(env["BULLION_GATES"])
    try:
        verdicts = ask(increment, f"{exchange}.{run_id}", env)
    except RuntimeError as error:
        why = [str(error)[:300]]
        remember(folder, exchange, noted(told, "error", why))
        raise
    failed = sorted(each.name for each in verdicts if not each.met)
    critical = sorted(
        each.name for each in verdicts if not each.met and each.severity == "critical"
    )
    outcome = "closed" if critical else "warning" if failed else "passed"
    remember(folder, exchange, noted(told, outcome, critical or failed, verdicts))
    if critical:
        raise GateClosed(
            f"the lane of {exchange} is closed: {', '.join(critical)}. The "
            f"{increment.rows} rows stay in silver, and nothing of them is in gold. "
            "Look at Browse > Data quality: what was measured stands there. Whoever "
            "knows better decides in the DAG `release_lane`."
        )
    return told | {"outcome": outcome, "refused": str(increment.refused)}


def noted(
    told: Mapping[str, str],
    outcome: str,
    failed: Sequence[str],
    verdicts: Sequence[Verdict] = (),
) -> dict[str, object]:
    """Return the line of a gate; what is nought of rows is left out."""
    return {
        **told,
        "rows": int(told["rows"]),
        "outcome": outcome,
        "failed": list(failed),
        "measured": {
            each.name: float(f"{each.measured:.6g}")
            for each in verdicts
            if each.measured
        },
    }


def ask(increment: Increment, run_id: str, env: Mapping[str, str]) -> list[Verdict]:
    """Return what became of every expectation."""
    return [
        *hold(ROWS, increment.verdicts, run_id, env),
        *hold(INCREMENT, increment.figures, run_id, env),
    ]


def hold(
    checkpoint: str, frame: pd.DataFrame, run_id: str, env: Mapping[str, str]
) -> list[Verdict]:
    """Return what became of a checkpoint's expectations.

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
    verdicts = []
    for validation in result.run_results.values():
        for asked in validation.results:
            config = asked.expectation_config
            assert config is not None
            if not {"observed_value", "element_count"} & asked.result.keys():
                raise RuntimeError(f"{checkpoint} could not be asked: {config.kwargs}")
            name = str(config.kwargs["column"])
            measured = (
                frame[name].iloc[0]
                if checkpoint != ROWS
                else asked.result["unexpected_count"]
            )
            verdicts.append(
                Verdict(
                    name=name,
                    met=bool(asked.success),
                    severity=str(getattr(config.severity, "value", config.severity)),
                    measured=float(measured),
                )
            )
    return verdicts
