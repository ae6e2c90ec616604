"""The DAG of a lane: one exchange from bronze to gold, with the gate in between."""

from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    CronTriggerTimetable,
    DeltaTriggerTimetable,
    chain,
    task,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.policy import START, alone
from dags.factory.settings import environment
from dags.factory.spark_job import SparkJob
from schemas.table import Table

TRIAGE = """
### What this is
One exchange's way from bronze to gold. `silver` judges each message; `gate` holds the
new rows against Great Expectations; `gold` takes what passed, each trade once, and
makes the candles of the minutes that it touched. Runs follow each other, never side by
side. A run that finds nothing new is skipped (pink), and starts no Spark client.

### When something is red
- **`silver` or `gold`:** the next run repeats it, nothing is lost or doubled. Look at
  the log if three in a row fail; most often Spark Connect or the registry is away.
- **`gate`:** the lane is closed, the others run on, nothing of the increment is in
  gold. The log names the expectation; *Browse > Data quality* shows what was
  measured. Each run asks again, and opens the lane once the cause is gone. If the rows
  are right, or cannot be mended, trigger `release_lane`: a person decides.
"""


def asset(table: Table, exchange: str) -> Asset:
    name = table.identifier(exchange)
    return Asset(name=name, uri=f"iceberg://lake/{name.replace('.', '/')}")


def turn(table: Table, exchange: str) -> str:
    """Return the pool in which a table's writer for one exchange is alone."""
    return f"{table.address}.{exchange}"


def lane_dag(
    exchange: str,
    schedule: CronTriggerTimetable | DeltaTriggerTimetable,
    bronze: Table,
    silver: Table,
    gold: Table,
) -> DAG:
    """Return the lane: silver, gate, gold, one run at a time and never a backfill."""

    @task(
        task_id="gate",
        pool="gates",
        retries=1,
        execution_timeout=timedelta(minutes=5),
    )
    def gate(reads: str, writes: str, of: str, **context: Any) -> dict[str, str]:
        # Great Expectations takes seconds to import: here, and never at parse time.
        from expectations.gate import GateClosed, hold_increment

        run_id = str(context["run_id"])
        try:
            passed = hold_increment(reads, writes, of, run_id, environment())
        except GateClosed as closed:
            raise AirflowFailException(str(closed)) from closed
        if passed is None:
            raise AirflowSkipException(f"nothing waits in {reads} for {writes}")
        return passed

    passed = "ti.xcom_pull(task_ids='gate')"
    with DAG(
        dag_id=f"lane__{exchange}",
        description=f"{exchange}: bronze to silver, gate, gold and candles.",
        doc_md=TRIAGE,
        schedule=schedule,
        start_date=START,
        # Backfill runs are not counted by max_active_runs: they would run beside it.
        # The enum that mypy would have is private to the SDK; it takes the words.
        allowed_run_types=["scheduled", "manual"],  # type: ignore[list-item]
        dagrun_timeout=timedelta(hours=1),
        **alone(),
        tags=["lane", exchange],
    ) as dag:
        chain(
            SparkJob(
                task_id="silver",
                arguments=f"{silver.address} {exchange}",
                exchange=exchange,
                reads=bronze.address,
                writes=silver.address,
                then=gold.address,
                pool=turn(silver, exchange),
                max_active_tis_per_dag=1,
                outlets=[asset(silver, exchange)],
            ),
            gate(silver.address, gold.address, exchange),
            SparkJob(
                task_id="gold",
                # People may edit XComs: each is a word, and no text of a shell.
                arguments=f'{gold.address} {exchange} "--gated=$GATED" '
                '"--refused=$REFUSED"',
                env={
                    "GATED": f"{{{{ {passed}['snapshot_to'] }}}}",
                    "REFUSED": f"{{{{ {passed}['refused'] }}}}",
                },
                exchange=exchange,
                reads=silver.address,
                writes=gold.address,
                pool=turn(gold, exchange),
                max_active_tis_per_dag=1,
                outlets=[asset(gold, exchange)],
            ),
        )
    return dag
