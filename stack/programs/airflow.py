"""Airflow's programs."""

import os

from stack.place import REPO, Place
from stack.programs.program import LOCAL, Program

SILENT = ("--skip-serve-logs",)
"""Airflow's log servers listen to everybody; here all of it reads the same folder."""


def airflow(place: Place) -> tuple[Program, ...]:
    """Return Airflow's four processes; the scheduler waits for the tables."""
    binary = str(place.envs / "airflow/bin/airflow")
    url = f"http:http://{LOCAL}:{place.ports['AIRFLOW']}/api/v2/version"
    migrated = (f"tcp:{place.ports['POSTGRES']}", f"file:{place.run / 'migrated'}")
    tables = f"file:{place.run / 'bootstrapped'}"
    path = f"{place.envs / 'airflow/bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    env = (("PATH", path),)
    return (
        Program(
            name="airflow-api-server",
            about="Airflow: the UI and its API",
            needs=migrated,
            command=(binary, "api-server"),
            ready=url,
            env=env,
            stop_seconds=60,
        ),
        Program(
            name="airflow-dag-processor",
            about="Airflow: reads the DAGs",
            needs=(*migrated, url),
            command=(binary, "dag-processor"),
            ready=url,
            env=env,
            stop_seconds=60,
        ),
        Program(
            name="airflow-triggerer",
            about="Airflow: waits for people and events",
            needs=(*migrated, url),
            command=(binary, "triggerer", *SILENT),
            ready=url,
            env=env,
            stop_seconds=60,
        ),
        Program(
            name="airflow-scheduler",
            about="Airflow: runs the lanes",
            needs=(*migrated, tables, url),
            command=(str(REPO / "stack/run_group.sh"), binary, "scheduler", *SILENT),
            ready=url,
            env=env,
            stop_seconds=60,
        ),
    )
