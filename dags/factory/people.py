"""Who decides where a DAG waits for a person."""

from airflow.sdk.execution_time.hitl import HITLUser

from dags.factory.settings import approvers


def assigned() -> list[HITLUser]:
    """Return who may answer, by their names at the login; Airflow's admins may too."""
    return [HITLUser(id=name, name=name) for name in approvers()]
