"""Airflow: the DAG that looks at everything each minute, and tells people."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from dags.factory.policy import START, alone
from dags.factory.watching import LookJob

with DAG(
    dag_id="watch",
    description="Looks each minute for what is wrong, and tells people once.",
    doc_md="""
### What this is
Each minute it looks at what `./bullion status --json` tells: how old bronze is, how
long silver and gold are owed rows, Kafka's lag, captures and their streams, closed
lanes, holes that stay open, and DAGs whose last run failed. What holds for 45 s
is an incident: it is told of once, to the log `alerts.jsonl`, and to the webhook and
notifiers that the settings name; what no look sees for as long is told to be over.
It restarts nothing: supervisord and Spark do.

`./bullion alerts` shows what is open. Kinds, bars and routes are in docs/alerts.md.
Trigger it with `test` to send a test alert.

### When it is red
- **The watch cannot look:** a part that it asks is away, and the log names it. That is
  an incident of its own, and was told too. The others wait until it can look again.
- **Alerts wait for a notifier:** the log says what the webhook answered. They are sent
  again with each look, until it takes them.
- **Anything else:** the log's last line is a setting that cannot be used. Nobody is
  told of anything until it is corrected.

### When it does not run
Nobody is told. `BULLION_HEARTBEAT_URL` names a service that tells you when it stops.
""",
    # Between the runs of the other DAGs that are there each minute.
    schedule=CronTriggerTimetable("* * * * * 30", timezone="UTC"),
    start_date=START,
    dagrun_timeout=timedelta(minutes=5),
    # The next minute looks again; a retry would only come between.
    **alone(retries=0, execution_timeout=timedelta(minutes=3)),
    params={
        "test": Param(
            False, type="boolean", description="Send a test alert instead of looking."
        )
    },
    tags=["alerts"],
) as dag:
    LookJob(task_id="look", pool="watch", max_active_tis_per_dag=1)
