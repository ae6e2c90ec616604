"""Dead letters are looked at, a person decides, and they are sent again."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Context, Param, chain
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.people import answer, cell, question, table
from dags.factory.policy import START, alone
from dags.factory.settings import environment, exchanges
from expectations.replay import ALL, MOST, PASSING, Asked, AskedWrongly, reasons

SEND, LEAVE = "Send them again", "Leave them"
POOL = "silver.replays"
COLUMNS = ("symbol", "trade_id", "time", "price", "quantity", "was", "today")
TWO = "[0-9]{2}"
MOMENT = (
    rf"^[0-9]{{4}}-{TWO}-{TWO}[T ]{TWO}:{TWO}(:{TWO}(\.[0-9]{{1,6}})?)?"
    rf"(Z|[+-]{TWO}:{TWO})?(?!\n)$"
)
"""A line break at the end is none of it, in Python too; nor are digits of others."""
TOLD = {
    "passes": "pass today",
    "breaks": "would be dead letters again",
    "held": "left out: gold has the very trade by now",
    "sent": "left out: sent before, and judged as they would be now, or on their way",
    "copy": "left out: the same bytes as another letter, which stands for them",
    "bare": "left out: no bytes, so there is nothing to send",
    "ingest": "left out: frames that the parser refused. They are an exchange's own "
    "words and no messages; the DAG `completeness` asks REST for trades in them",
    "gate": "left out: a person refused them at the gate (`gate_decisions`); a replay "
    "does not undo that",
    "gold": "left out: gold has the trade with other digits, and keeps them",
}
TRIAGE = f"""
### What this is
Dead letters are sent again, with the bytes that they had, by the topic that they came
by: bronze, silver, gate and gold treat them as any other message, and gold has each
trade once, however often it comes. For letters whose cause is gone: a rule that was
mended, a schema that was registered late.

1. **Trigger** it with the exchange, the reasons (none means all) and the span in which
   they became dead letters (UTC; nothing means the last day).
2. **`look`** reads them again with today's schemas and rules: how many pass now, what
   the others break, what is left out and why.
3. **Answer** under *Browse > Required Actions*, with a reason: it stands with your
   name in `dead_letter_replays`. *{LEAVE}* changes nothing.
4. **`follow`** waits some minutes for the lane and tells what became of them: `gold`,
   `duplicate`, `conflict`, `refused` (at the gate), `dead` (again), or `waiting` where
   the lane is closed. The next replay of the exchange looks after what waits.

Only letters that pass now are sent, unless you ask for *{ALL}*: what still breaks a
rule comes back as a dead letter, and twenty of them can close the gate.

### When it is red
- **`look`:** the log's last line says what is wrong with what was asked; otherwise
  Spark Connect or the registry is away.
- **`send`:** without a reason nothing was sent: trigger it again. Otherwise clear the
  task: it goes on where it was, and sends no letter twice.
- **`follow`:** clear it; nothing is sent by it.
"""


class ReplayJob(BashOperator):
    """Runs a step of `python -m spark_apps.run silver.replays`.

    What people typed goes to it by the environment: no shell and no template reads it.
    """

    def __init__(self, *, step: str, words: str = "", **kwargs: Any) -> None:
        super().__init__(
            bash_command='exec "$BULLION_SPARK_PYTHON" -m spark_apps.run '
            f'silver.replays {step} "--asked=$ASKED" {words}'.rstrip(),
            append_env=True,
            output_processor=json.loads,
            pool=POOL,
            max_active_tis_per_dag=1,
            **kwargs,
        )

    def done(self, context: Context, asked: str, **said: str) -> dict[str, Any]:
        """Run the job and return its report."""
        self.env = {"ASKED": asked, "RUN": str(context["run_id"]), **said}
        report: dict[str, Any] = super().execute(context)
        return report


class LookJob(ReplayJob):
    """Shows what the chosen letters are today."""

    def execute(self, context: Context) -> Any:
        """Return the page that is shown, and what `send` is told.

        Raises:
            AirflowFailException: what was asked for is not there to be had.
            AirflowSkipException: none of the letters would be sent.
        """
        try:
            asked = Asked.of(context["params"], datetime.now(UTC))
        except AskedWrongly as why:
            raise AirflowFailException(str(why)) from why
        report = self.done(context, asked.text)
        page, number = shown(asked, report), to_send(asked, report)
        print(page)
        if not number:
            raise AirflowSkipException(f"nothing would be sent.\n{page}")
        return {"asked": asked.text, "snapshot": report["snapshot"], "page": page}


class SendJob(ReplayJob):
    """Sends what was looked at, if a person said so and why."""

    def execute(self, context: Context) -> Any:
        """Return how many were sent.

        Raises:
            AirflowFailException: no reason was given.
            AirflowSkipException: they are left as they are.
        """
        said = answer(context["ti"])
        if said.chosen != SEND:
            raise AirflowSkipException("they were left as they are")
        said.require_reason()
        seen = context["ti"].xcom_pull(task_ids="look")
        return self.done(
            context,
            seen["asked"],
            BY=said.by,
            WHY=said.reason,
            SNAPSHOT=str(int(seen["snapshot"])),
        )


class FollowJob(ReplayJob):
    """Waits for the lane, not for ever, and tells what became of the letters."""

    def execute(self, context: Context) -> Any:
        """Return how many came to which end."""
        asked = context["ti"].xcom_pull(task_ids="look")["asked"]
        report = self.done(context, asked, GATES=environment()["BULLION_GATES"])
        print(followed(report))
        return report


def replay_dag() -> DAG:
    """Return the DAG; half a day is the time to answer."""
    with DAG(
        dag_id="replay_dead_letters",
        description="Dead letters whose cause is gone: look, decide, send them again.",
        doc_md=TRIAGE,
        schedule=None,
        start_date=START,
        **alone(),
        params=form(),
        tags=["dead letters", "people"],
    ) as dag:
        chain(
            LookJob(task_id="look", step="look"),
            question(
                "Are these dead letters of {{ params.exchange }} sent again?",
                [SEND, LEAVE],
                # Snapshots are kept for a day: what was looked at is there till then.
                within=timedelta(hours=12),
            ),
            SendJob(
                task_id="send",
                step="send",
                words='"--run=$RUN" "--by=$BY" "--why=$WHY" "--snapshot=$SNAPSHOT"',
            ),
            FollowJob(
                task_id="follow", step="follow", words='"--run=$RUN" "--gates=$GATES"'
            ),
        )
    return dag


def form() -> dict[str, Param]:
    """Return what is asked when the DAG is triggered."""
    return {
        "exchange": Param(
            exchanges()[0],
            type="string",
            enum=list(exchanges()),
            description="Whose dead letters.",
        ),
        "reasons": Param(
            [],
            # A list of which everything was taken away comes from the form as null.
            type=["null", "array"],
            items={"type": "string", "enum": list(reasons())},
            examples=list(reasons()),
            uniqueItems=True,
            description="Why they are dead letters; empty: for any reason.",
        ),
        "since": moment_param("When they became dead letters; empty: since a day ago."),
        "until": moment_param("Until when; empty: until now."),
        "send": Param(
            PASSING,
            type="string",
            enum=[PASSING, ALL],
            description="What still breaks a rule comes back as a dead letter.",
        ),
        "again": Param(
            False,
            type="boolean",
            description="Also those that were sent before, by the same rules.",
        ),
        "at_most": Param(
            MOST,
            type="integer",
            minimum=1,
            maximum=MOST,
            description="How many are sent; the next run goes on.",
        ),
    }


def moment_param(description: str) -> Param:
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        pattern=MOMENT,
        description=f"{description} UTC, such as 2026-11-28T00:00:00Z.",
    )


def to_send(asked: Asked, report: Mapping[str, Any]) -> int:
    """Return how many of the letters would be sent."""
    wanted = ("passes", "breaks") if asked.send == ALL else ("passes",)
    number = sum(each["count"] for each in report["counts"] if each["state"] in wanted)
    return min(int(number), asked.at_most)


def shown(asked: Asked, report: Mapping[str, Any]) -> str:
    """Return what the chosen letters are today, as Markdown."""
    counts: Sequence[Mapping[str, Any]] = report["counts"]
    span = f"{asked.since:%Y-%m-%d %H:%M} to {asked.until:%Y-%m-%d %H:%M} UTC"
    told = [
        f"Dead letters of **{asked.exchange}**, {span}: "
        f"**{sum(each['count'] for each in counts):,}**, of which "
        f"**{to_send(asked, report):,}** would be sent ({asked.send})."
    ]
    if counts:
        lines = [
            f"| {each['count']:,} | {cell(each['error_reason'])} "
            f"| {TOLD[each['state']]} |"
            for each in counts
        ]
        told.append(
            "\n".join(["| letters | reason | today |", "|---|---|---|", *lines])
        )
    for title, name in (("Pass today", "passing"), ("Would be dead again", "breaking")):
        if report[name]:
            told.append(f"{title}, such as:\n\n{table(COLUMNS, report[name])}")
    return "\n\n".join(told)


def followed(report: Mapping[str, Any]) -> str:
    """Return what became of the letters, in a line."""
    counts = ", ".join(f"{n} {name}" for name, n in sorted(report["outcomes"].items()))
    closed = report["lane_is_closed"] and "waiting" in report["outcomes"]
    todo = "; the lane is closed: see the DAG release_lane" if closed else ""
    return f"{counts or 'nothing was sent'}{todo}"
