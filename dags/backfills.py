"""Airflow: one DAG for each exchange, bringing whole days of its past."""

from dags.factory.backfill import backfill_dag
from dags.factory.settings import exchanges

for exchange in exchanges():
    dag = backfill_dag(exchange)
    globals()[dag.dag_id] = dag
