"""Every DAG that Airflow knows: has it run well, and a run for those that have not."""

from collections.abc import Sequence

from query.airflow_api import Airflow
from tests.stack.laptop import Laptop, eventually

QUIET = "2025-12-01"
"""A day (UTC) of which the simulator has no trade: a run over it is short."""
RUN = "once"
BY_STORY = {"people", "rebuild"}
"""Tags of the DAGs that wait for an answer, or for a fault: the story runs them."""


def dags(flow: Airflow) -> list[str]:
    """Return every DAG that Airflow itself knows."""
    return [str(each["dag_id"]) for each in listed(flow)]


def listed(flow: Airflow) -> list[dict[str, object]]:
    found: list[dict[str, object]] = flow.ask("/api/v2/dags?limit=200")["dags"]
    return found


def has_succeeded(flow: Airflow, dag_id: str) -> bool:
    """Return whether a run ended well in which not every task was skipped."""
    path = f"/api/v2/dags/{dag_id}/dagRuns"
    runs = flow.ask(f"{path}?state=success&order_by=-run_after&limit=40")["dag_runs"]
    return any(
        flow.ask(f"{path}/{run['dag_run_id']}/taskInstances?state=success&limit=1")[
            "total_entries"
        ]
        for run in runs
    )


def asked_of(dag_id: str) -> dict[str, str]:
    """Return what a run is told so that it has something to do, and not much."""
    if dag_id.startswith("backfill__"):
        return {"day": QUIET}
    return {"first": QUIET} if dag_id == "audit" else {}


def begin(laptop: Laptop) -> list[str]:
    """Trigger each DAG that has not run well by itself; return which."""
    flow = Airflow(laptop.settings)
    todo = [
        str(each["dag_id"])
        for each in listed(flow)
        if not any(tag in str(each["tags"]) for tag in BY_STORY)
        and not has_succeeded(flow, str(each["dag_id"]))
    ]
    for dag_id in todo:
        order = {"dag_run_id": RUN, "logical_date": None, "conf": asked_of(dag_id)}
        flow.ask(f"/api/v2/dags/{dag_id}/dagRuns", order)
    return todo


def ended(laptop: Laptop) -> dict[str, str]:
    """Wait until the runs that `begin` triggered have ended; return how each did."""
    flow = Airflow(laptop.settings)
    runs = f"/api/v2/dags/~/dagRuns?run_id_pattern={RUN}&limit=100"

    def states() -> dict[str, str]:
        found: Sequence[dict[str, object]] = flow.ask(runs)["dag_runs"]
        mine = [each for each in found if each["dag_run_id"] == RUN]
        return {str(each["dag_id"]): str(each["state"]) for each in mine}

    eventually(
        lambda: not set(states().values()) & {"queued", "running"},
        "every run that was begun ends",
        every=2,
    )
    return states()
