"""The DAGs that keep tables small: one job each, over all tables, one after another."""

import json
from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

from dags.factory.policy import alone, waiting
from dags.factory.pools import UPKEEP

PATIENCE = {
    # Longer than a job lives whose Airflow task is gone: it holds the turn so long.
    "retry_delay": timedelta(minutes=2),
    "execution_timeout": timedelta(minutes=50),
}


def upkeep_dag(words: str, cron: str, description: str, notes: str) -> DAG:
    """Return the DAG of one job, such as `orphans --delete`, named for its first word.

    Its jobs take one Spark client for all tables, since a client costs more than the
    upkeep of a table that needs none; and one slot, since two of them never meet.
    """
    job = words.split()[0]
    with DAG(
        dag_id=job,
        description=description,
        doc_md=notes,
        schedule=waiting(cron),
        dagrun_timeout=timedelta(hours=3),
        **alone(**PATIENCE),
        tags=["upkeep"],
    ) as dag:
        BashOperator(
            task_id=job,
            # exec: the job takes the place of bash, so its parent is the Airflow task.
            bash_command=f'exec "$BULLION_SPARK_PYTHON" -m spark_apps.run {words}',
            append_env=True,
            output_processor=json.loads,
            pool=UPKEEP,
            max_active_tis_per_dag=1,
        )
    return dag
