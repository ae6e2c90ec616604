"""Airflow: the DAG that restores the newest backup beside all that runs, each month."""

from dags.factory.drill import drill_dag

dag = drill_dag()
