"""Airflow: the DAG by which a person sends dead letters again."""

from dags.factory.replay import replay_dag

dag = replay_dag()
