"""Airflow: the DAG that backs up checkpoints and catalog together, each day."""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronTriggerTimetable

from dags.factory.policy import START, alone

with DAG(
    dag_id="checkpoint_backup",
    description="Copies the streams' checkpoints and the catalog, consistently.",
    doc_md="""
### What this is
A copy of every checkpoint and a dump of the catalog, checkpoints first, so that what a
stream has noted as done lies in the tables of the same backup. Nothing stands still for
it. Kept for `BULLION_BACKUP_DAYS` (7), in `BULLION_BACKUPS`.

### When it is red
The backups before it stay. The log says what PostgreSQL said; *Clear* tries again. What
to do after a loss is in docs/runbooks/recovery.md.
""",
    schedule=CronTriggerTimetable("50 3 * * *", timezone="UTC"),
    start_date=START,
    dagrun_timeout=timedelta(hours=1),
    **alone(),
    tags=["recovery"],
) as dag:
    BashOperator(
        task_id="backup",
        bash_command='exec "$BULLION_SPARK_PYTHON" -m spark_apps.run backup',
        append_env=True,
    )
