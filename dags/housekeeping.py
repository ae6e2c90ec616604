"""Airflow: the DAG that lets go of what Airflow itself has piled up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.factory.policy import START, alone
from dags.factory.settings import airflow_kept_for, environment

with DAG(
    dag_id="housekeeping",
    description="Old runs leave Airflow's database, and old logs the disk.",
    doc_md="""
### What this is
Two lanes make some 17,000 task instances and 400 MB of task logs a day, and Airflow
deletes neither. What is older than `BULLION_KEEP_AIRFLOW_DAYS` (14) goes; the last run
of each DAG stays. Trades, gates and decisions are in tables, and stay.

### When it is red
- **`database`:** its log has what `airflow db clean` said; the next night does it
  again. Skipped where `BULLION_AIRFLOW_DATABASE` is not set: run that command where the
  database may be reached.
- **`logs`:** a file could not be deleted; the log names it.
""",
    schedule=CronTriggerTimetable("40 4 * * *", timezone="UTC"),
    start_date=START,
    dagrun_timeout=timedelta(hours=2),
    **alone(),
    tags=["upkeep"],
) as dag:

    @task(execution_timeout=timedelta(minutes=40))
    def database() -> str:
        from dags.factory.housekeeping import DATABASE, clean_database

        where = environment().get(DATABASE)
        if not where:
            raise AirflowSkipException(f"{DATABASE} is not set; see the DAG's page")
        before = datetime.now(UTC) - airflow_kept_for()
        print(clean_database(where, before, environment()))
        return before.isoformat()

    @task
    def logs() -> dict[str, int]:
        from airflow.sdk.configuration import conf

        from dags.factory.housekeeping import prune_logs

        folder = Path(conf.get("logging", "base_log_folder"))
        return prune_logs(folder, datetime.now(UTC) - airflow_kept_for())

    database()
    logs()
