"""Airflow: the DAG that keeps the candles of five minutes, hours and days."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from dags.factory.candles_job import CandlesJob
from dags.factory.lane import asset
from dags.factory.policy import START, alone
from schemas.table import table_at

MINUTES, WIDEST = "gold.candles_1m", "gold.candles_1d"

with DAG(
    dag_id="candles",
    description="5m, 1h and 1d candles follow the minutes that the lanes changed.",
    doc_md="""
### What this is
Each lane computes the candles of the minutes that its trades lie in. This DAG computes,
once a minute, the wider candles in which such a minute lies: each whole, and none else.
A run that finds no changed minute is skipped (pink), and starts no Spark client.

### When it is red
Nothing is lost: the next run computes what this one did not. Minutes and trades are not
touched by it.
""",
    # Between two runs of the lanes, which begin at round seconds.
    schedule=CronTriggerTimetable("* * * * * 35", timezone="UTC"),
    start_date=START,
    dagrun_timeout=timedelta(hours=1),
    **alone(),
    tags=["candles"],
) as dag:
    CandlesJob(
        task_id="candles",
        arguments="gold.candles",
        exchange="",
        reads=MINUTES,
        writes=WIDEST,
        pool="gold.candles",
        max_active_tis_per_dag=1,
        outlets=[
            asset(table_at(f"gold.candles_{width}"), "") for width in ("5m", "1h", "1d")
        ],
    )
