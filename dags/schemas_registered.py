"""Airflow: the DAG that registers each schema, and refuses what would break readers."""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronTriggerTimetable

from dags.factory.policy import START, alone

with DAG(
    dag_id="schemas",
    description="Registers the schemas of every exchange, BACKWARD compatible.",
    doc_md="""
### What this is
Registers the Avro schemas of trades and rejected frames for each exchange, with
BACKWARD compatibility; it does nothing where they are registered already.

### When it is red
The log names the field that would break readers, and what to do instead. An unreachable
registry is tried again.
""",
    schedule=CronTriggerTimetable("40 3 * * *", timezone="UTC"),
    start_date=START,
    dagrun_timeout=timedelta(hours=1),
    **alone(),
    tags=["schemas"],
) as dag:
    BashOperator(
        task_id="register",
        bash_command='exec "$BULLION_SPARK_PYTHON" -m ingestion schemas',
        append_env=True,
    )
