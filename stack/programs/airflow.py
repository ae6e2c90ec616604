"""Airflow's programs."""

import os

from stack.place import REPO, Place
from stack.programs.program import LOCAL, Program
from stack.programs.services import takes_queries

SILENT = ("--skip-serve-logs",)
"""Airflow's log servers listen to everybody; here all of it reads the same folder."""


def airflow(place: Place) -> tuple[Program, ...]:
    """Return Airflow's four processes; the scheduler waits for the tables."""
    binary = str(place.envs / "airflow/bin/airflow")
    url = f"http:http://{LOCAL}:{place.ports['AIRFLOW']}/api/v2/version"
    migrated = (takes_queries(place), f"file:{place.run / 'migrated'}")
    tables = f"file:{place.run / 'bootstrapped'}"
    path = f"{place.envs / 'airflow/bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"

    def one(name: str, about: str, needs: tuple[str, ...], *command: str) -> Program:
        return Program(
            name=f"airflow-{name}",
            about=f"Airflow: {about}",
            needs=needs,
            command=command,
            ready=url,
            env=(("PATH", path),),
            stop_seconds=60,
        )

    served = (*migrated, url)
    group = str(REPO / "stack/run_group.sh")
    return (
        one("api-server", "the UI and its API", migrated, binary, "api-server"),
        one("dag-processor", "reads the DAGs", served, binary, "dag-processor"),
        one(
            "triggerer",
            "waits for people and events",
            served,
            *(binary, "triggerer", *SILENT),
        ),
        one(
            "scheduler",
            "runs the lanes",
            (*migrated, tables, url),
            *(group, binary, "scheduler", *SILENT),
        ),
    )
