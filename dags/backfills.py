"""Airflow: one DAG for each exchange, bringing whole days of its past."""

from dags.factory.backfill import backfill_dag
from dags.factory.settings import exchanges
from schemas.exchange import has_past_days

for exchange in filter(has_past_days, exchanges()):
    dag = backfill_dag(exchange)
    globals()[dag.dag_id] = dag
