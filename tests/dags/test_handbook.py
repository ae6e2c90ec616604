"""The handbook tells of every DAG, though it is built without Airflow."""

from airflow.dag_processing.dagbag import DagBag

from handbook.dags import SLOT, all_dags
from schemas.table import ROOT, all_exchanges


def test_the_handbook_has_every_dag_that_airflow_has() -> None:
    told = {
        dag.dag_id.replace(SLOT, exchange)
        for dag in all_dags()
        for exchange in all_exchanges()
    }
    bag = DagBag(str(ROOT / "dags"))

    assert bag.dags and set(bag.dags) <= told
