"""Airflow: the DAG that looks at gold's trades and candles after they were written."""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task

from dags.factory.inspecting import inspect_tables
from dags.factory.policy import START, alone

with DAG(
    dag_id="inspection",
    description="What came into gold's trades and candles is judged by their suites.",
    doc_md="""
### What this is
A gate judges rows before they go into gold. Each five minutes this DAG judges what came
out: the files that `gold_crypto_trades` and the four tables of candles have now and had
not at the last look. Each key once; ids that name their trade; prices between low and
high, sums and windows that can be. It stops nobody: the rows are there already, and a
lane that stood still would mend none. *Browse > Data quality* has each look, and
*Gates over time* each expectation.

### When it is red
- **A table holds rows that break a rule:** the log names table and rule; nothing is
  retried, and each look says so again until the rows have been replaced. Trigger
  `audit` for their day: it names them. Then trigger `rebuild` for that day: `candles`,
  or `gold` if a trade is there twice or says what silver does not.
- **Anything else:** the object store, the catalog, or an expectation could not be
  asked. That says nothing of the rows; the next look asks again.
""",
    # Between the runs of the other DAGs that are there each minute.
    schedule=CronTriggerTimetable("*/5 * * * * 50", timezone="UTC"),
    start_date=START,
    dagrun_timeout=timedelta(hours=1),
    **alone(retries=1),
    tags=["quality"],
) as dag:

    @task(pool="inspection", max_active_tis_per_dag=1)
    def look(**context: Any) -> dict[str, Any]:
        return inspect_tables(str(context["run_id"]))

    look()
