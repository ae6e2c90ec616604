"""Where a DAG waits for a person: who may answer, the question, and the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.hitl import HITLUser

from dags.factory.settings import approvers

LEAST = 10
"""Letters of a reason."""
HARMLESS = " .:_,-"
"""What may stand in a cell beside letters and digits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person chose, why, and who that was."""

    chosen: str
    reason: str
    by: str

    def require_reason(self) -> None:
        """Return if one was given; AirflowFailException says what to do if not."""
        if len(self.reason) < LEAST:
            raise AirflowFailException(
                f"no reason was given, of {LEAST} letters at least: nothing was done. "
                "Trigger it again, and say why"
            )


def question(subject: str, options: Sequence[str], within: timedelta) -> HITLOperator:
    """Return the task `answer`: it shows the page of `look` and asks for a reason."""
    return HITLOperator(
        task_id="answer",
        subject=subject,
        body="{{ ti.xcom_pull(task_ids='look')['page'] }}",
        options=list(options),
        params={
            # Without a default the task would fail before it asks.
            "reason": Param(
                None,
                type=["null", "string"],
                minLength=LEAST,
                maxLength=500,
                description="Why; it is kept with your name.",
            )
        },
        # By their names at the login; Airflow's admins may answer too.
        assigned_users=[HITLUser(id=name, name=name) for name in approvers()],
        response_timeout=within,
        retries=0,
    )


def answer(ti: Any) -> Answer:
    """Return what was answered to the task `answer`; `ti` is one of the same run."""
    told = ti.xcom_pull(task_ids="answer")
    (chosen,) = told["chosen_options"]
    who = told.get("responded_by_user") or {}
    return Answer(
        chosen=str(chosen),
        reason=readable((told["params_input"] or {}).get("reason") or ""),
        by=readable(who.get("name") or who.get("id") or "unknown"),
    )


def readable(said: object) -> str:
    """Return what was typed as one line of letters that people see.

    Others cannot be told a process, or kept in a database, or turn a line round.
    """
    seen = (letter if letter.isprintable() else " " for letter in str(said))
    return " ".join("".join(seen).split())


def table(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as a Markdown table, for the page that a question shows."""
    lines = (
        "| " + " | ".join(cell(row[name]) for name in columns) + " |" for row in rows
    )
    head = "| " + " | ".join(columns) + " |"
    return "\n".join([head, "|" + "---|" * len(columns), *lines])


def cell(value: str) -> str:
    """Return a value that stays in its cell, whatever an exchange has sent."""
    kept = "".join(
        letter if letter.isalnum() or letter in HARMLESS else "?"
        for letter in f"{value}"
    )
    return kept[:60]
