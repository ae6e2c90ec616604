"""Airflow: the DAG by which a person releases a lane that its gate has closed."""

from dags.factory.release import release_dag

dag = release_dag()
