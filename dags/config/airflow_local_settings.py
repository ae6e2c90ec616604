"""Airflow's cluster policy: a DAG that breaks a house rule is an import error."""

from airflow.exceptions import AirflowClusterPolicyViolation
from airflow.sdk import DAG
from airflow.sdk.bases.operator import BaseOperator

SHARED = {"default_pool", "gates", "backfills"}


def dag_policy(dag: DAG) -> None:
    """Refuse a DAG that nobody could read, or that could meet itself."""
    if not dag.tags or not dag.doc_md:
        raise AirflowClusterPolicyViolation(f"{dag.dag_id}: needs tags and doc_md")
    if dag.max_active_runs != 1 or dag.catchup:
        raise AirflowClusterPolicyViolation(f"{dag.dag_id}: one run, no catch-up")


def task_policy(task: BaseOperator) -> None:
    """Refuse a task without an owner, a time limit, or a turn of its own."""
    if task.owner in (None, "airflow"):
        raise AirflowClusterPolicyViolation(f"{task.task_id}: has no owner")
    if task.execution_timeout is None:
        raise AirflowClusterPolicyViolation(f"{task.task_id}: has no time limit")
    if task.pool not in SHARED and task.max_active_tis_per_dag != 1:
        raise AirflowClusterPolicyViolation(
            f"{task.task_id}: a task with its own pool needs max_active_tis_per_dag=1"
        )
