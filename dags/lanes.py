"""Airflow: one DAG for each exchange, carrying its trades from bronze to gold."""

from dags.factory.lane import lane_dag
from dags.factory.settings import exchanges, lane_interval
from dags.factory.staggered import staggered
from schemas.tables.bronze import trades as bronze
from schemas.tables.gold import trades as gold
from schemas.tables.silver import trades as silver

for place, exchange in enumerate(exchanges()):
    schedule = staggered(lane_interval(), place, len(exchanges()))
    dag = lane_dag(exchange, schedule, bronze.TABLE, silver.TABLE, gold.TABLE)
    globals()[dag.dag_id] = dag
