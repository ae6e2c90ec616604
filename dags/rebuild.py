"""Airflow: the DAG that derives some days of a layer again from the one below."""

from dags.factory.rebuild import rebuild_dag

dag = rebuild_dag()
