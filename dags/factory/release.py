"""A closed lane is looked at, a person decides, and what was decided is entered."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, chain, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.people import answer, question, table
from dags.factory.policy import START, alone
from dags.factory.settings import environment, exchanges

ADMIT, REFUSE, LEAVE = "Admit", "Refuse", "Leave it closed"
POOL = "gold.decisions"
COLUMNS = ("symbol", "trade_id", "time", "price", "quantity", "side", "reasons")
TRIAGE = """
### What this is
A gate has closed a lane: the task `gate` of `lane__<exchange>` is red, and its rows
stay in silver. Trigger this with the exchange. `look` shows what stands before the
gate: which expectations were not met, how many rows are at fault, and some of them;
*Browse > Data quality* has the gate's whole report. Then an approver
(`BULLION_APPROVERS`) answers under *Browse > Required Actions*:

- **Admit:** the rows are right, such as after a real fall of a price. They go on with
  all others, and need not meet what they did not meet.
- **Refuse:** the rows at fault become dead letters (stage `gate`) with their bytes.
  Gold leaves them out; silver keeps them, and the others go on.
- **Leave it closed:** nothing changes.

Both need a reason. It stands with your name in `gate_decisions`, and the next run of
the lane goes by it. What came after the gate that you looked at is judged as ever.

### When it is red
- **`look`:** the lane is not closed, or is open again; its log says so.
- **`decide`:** no reason was given, the gate has read on since you looked, or no row is
  at fault (admit, or leave it). Nothing was entered; trigger it again. Otherwise clear
  the task: a run enters its decision once, however often it is done.
"""


def release_dag() -> DAG:
    """Return the DAG; a day is the time to answer."""

    @task(task_id="look", pool="gates", execution_timeout=timedelta(minutes=5))
    def look(**context: Any) -> dict[str, Any]:
        from expectations.catalog import HistoryGone
        from expectations.release import NotClosed
        from expectations.release import look as looked

        try:
            seen = looked(str(context["params"]["exchange"]), environment())
        except (NotClosed, HistoryGone) as why:
            raise AirflowFailException(str(why)) from why
        page = shown(
            exchange=seen.exchange,
            rows=seen.rows,
            named=seen.named,
            failed=seen.failed,
            samples=seen.samples,
        )
        print(page)
        # As text: browsers round numbers of that size.
        return {"snapshot_to": str(seen.snapshot_to), "page": page}

    @task(task_id="decide", pool=POOL, max_active_tis_per_dag=1)
    def decide(**context: Any) -> dict[str, str]:
        from expectations.release import NotClosed, NothingToRefuse
        from expectations.release import decide as decided

        said = answer(context["ti"])
        if said.chosen == LEAVE:
            raise AirflowSkipException("it was left closed")
        said.require_reason()
        seen = context["ti"].xcom_pull(task_ids="look")
        try:
            return decided(
                exchange=str(context["params"]["exchange"]),
                snapshot_to=int(seen["snapshot_to"]),
                decision=said.chosen.lower(),
                reason=said.reason,
                by=said.by,
                run_id=str(context["run_id"]),
                env=environment(),
            )
        except (NotClosed, NothingToRefuse) as why:
            raise AirflowFailException(str(why)) from why

    with DAG(
        dag_id="release_lane",
        description="A closed lane: look, decide, and it goes on.",
        doc_md=TRIAGE,
        schedule=None,
        start_date=START,
        **alone(),
        params={
            "exchange": Param(
                exchanges()[0],
                type="string",
                enum=list(exchanges()),
                description="Whose lane is closed.",
            )
        },
        tags=["lane", "people"],
    ) as dag:
        chain(
            look(),
            question(
                "What becomes of the closed lane of {{ params.exchange }}?",
                [ADMIT, REFUSE, LEAVE],
                within=timedelta(days=1),
            ),
            decide(),
        )
    return dag


def shown(
    exchange: str,
    rows: int,
    named: int,
    failed: Sequence[str],
    samples: Sequence[Mapping[str, str]],
) -> str:
    """Return what stands before a gate, as Markdown."""
    names = ", ".join(f"`{name}`" for name in failed)
    told = [
        f"The gate of **{exchange}** closed over {rows:,} rows: {names} not met.",
        f"**{named:,}** of them are at fault"
        + (", such as:" if named else ": what was not met is not about single rows."),
    ]
    if samples:
        told.append(table(COLUMNS, samples))
    return "\n\n".join(told)
