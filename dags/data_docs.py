"""Airflow: the DAG that publishes the Data Docs of the newest gate results."""

from datetime import timedelta

from airflow.sdk import DAG, DeltaTriggerTimetable, task

from dags.factory.policy import POLICY, START
from dags.factory.settings import environment

with DAG(
    dag_id="data_docs",
    description="Builds the pages of the gates' results aside, then swaps them in.",
    doc_md="""
### What this is
The pages behind *Data quality* in the menu: every failed gate, and the newest others.

### When it is red
The last published pages stay. The lanes do not depend on this DAG.
""",
    schedule=DeltaTriggerTimetable(timedelta(minutes=5)),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=30),
    default_args=POLICY,
    is_paused_upon_creation=False,
    tags=["quality"],
) as dag:

    @task
    def publish() -> int:
        from expectations.data_docs_site import publish_site

        return publish_site(environment(), keep=300)

    publish()
