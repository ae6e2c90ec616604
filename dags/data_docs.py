"""Airflow: the DAG that publishes the Data Docs of the newest gate results."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, DeltaTriggerTimetable, task
from airflow.sdk.exceptions import AirflowRescheduleException

from dags.factory.policy import START, alone
from dags.factory.settings import environment, exchanges, lanes_first

AFTER_THEM = timedelta(seconds=20)

with DAG(
    dag_id="data_docs",
    description="Builds the pages of the gates' results aside, then swaps them in.",
    doc_md="""
### What this is
The pages behind *Browse > Data quality*: every failed gate, and the newest others.
*Gates over time* on top of them has each expectation of each lane, by the hour.

### When it is red
The last published pages stay. The lanes do not depend on this DAG.
""",
    schedule=DeltaTriggerTimetable(timedelta(minutes=5)),
    start_date=START,
    dagrun_timeout=timedelta(minutes=30),
    **alone(),
    tags=["quality"],
) as dag:

    @task
    def publish() -> int:
        from expectations.data_docs_site import publish_site

        if lanes_first():
            # The first gates are just being asked: a page now would show none of them.
            later = datetime.now(UTC) + AFTER_THEM
            raise AirflowRescheduleException(later)  # type: ignore[no-untyped-call]
        return publish_site(environment(), 300, exchanges())

    publish()
