"""Airflow: the DAG that proves a day of all tables anew, each morning."""

from dags.factory.audit import audit_dag
from dags.factory.settings import exchanges
from schemas.exchange import has_files

dag = audit_dag([each for each in exchanges() if has_files(each)])
