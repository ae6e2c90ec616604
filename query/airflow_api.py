"""What Airflow's API says: how lanes run, when DAGs run next, which of them failed."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from query.settings import Settings

PAGE = 100
"""Rows that Airflow gives at once; of more it tells nothing (`maximum_page_limit`)."""
AWAY = (OSError, urllib.error.URLError, KeyError, ValueError)
Run = Mapping[str, Any]


class Airflow:
    """What Airflow's API says of the DAGs; its state says why it says nothing.

    It is asked once for all DAGs, and once for the runs of all that are wanted, however
    many there are: what it said is kept for as long as the object.
    """

    def __init__(self, settings: Settings) -> None:
        self.url = settings.airflow_url
        self.exchanges = settings.exchanges
        self.state = "ok"
        self.token = ""
        try:
            password = json.loads(settings.airflow_passwords.read_text())["admin"]
            who = {"username": "admin", "password": password}
            self.token = str(self.ask("/auth/token", who)["access_token"])
        except AWAY as error:
            self.state = f"away: {error}"

    def lane(self, exchange: str) -> dict[str, Any]:
        """Return when a lane runs next, how it last ended, whether it is paused."""
        nothing = {"next_run": None, "last_run": None, "paused": None}
        if self.state != "ok":
            return nothing
        name = f"lane__{exchange}"
        try:
            dag = next(each for each in self.dags if each["dag_id"] == name)
            run = self.lane_runs.get(name, {})
        except StopIteration:
            return nothing | {"next_run": f"unknown: Airflow has no DAG {name}"}
        except AWAY as error:
            return nothing | {"next_run": f"unknown: {error}"}
        return {
            "next_run": dag.get("next_dagrun_run_after"),
            "last_run": run.get("state"),
            "paused": dag.get("is_paused"),
        }

    @cached_property
    def lane_runs(self) -> dict[str, Run]:
        """The newest ended run of each lane."""
        names = [f"lane__{exchange}" for exchange in self.exchanges]
        return self.newest(names, ("success", "failed"), by="run_after")

    @cached_property
    def dags(self) -> list[dict[str, Any]]:
        """Every DAG that Airflow knows, by name."""
        found: list[dict[str, Any]] = []
        while True:
            path = f"/api/v2/dags?order_by=dag_id&limit={PAGE}&offset={len(found)}"
            page = self.ask(path)["dags"]
            found += page
            if len(page) < PAGE:
                return found

    def timetable(self) -> list[dict[str, Any]]:
        """Return every DAG: when it runs next, and whether it is paused.

        Raises:
            OSError: Airflow does not answer, or does not let us in.
        """
        if self.state != "ok":
            raise OSError(f"Airflow is {self.state}")
        return [
            {
                "dag_id": dag["dag_id"],
                "next_run": dag.get("next_dagrun_run_after"),
                "when": dag.get("timetable_description")
                or dag.get("timetable_summary"),
                "paused": dag.get("is_paused"),
            }
            for dag in self.dags
        ]

    def failed_dags(self) -> list[dict[str, Any]]:
        """Return the DAGs on a schedule whose newest ended run failed, but the lanes.

        A lane's own figures say how it is. What a person started is before their eyes.
        """
        if self.state != "ok":
            return []
        try:
            names = [
                dag["dag_id"]
                for dag in self.dags
                if dag["timetable_summary"]
                and not dag["is_paused"]
                and not dag["dag_id"].startswith(("lane__", "watch"))
            ]
            failed = self.newest(names, ("failed",))
            # Only of those that ever failed it matters whether one has succeeded since.
            well = self.newest(failed, ("success",))
        except AWAY as error:
            self.state = f"away: {error}"
            return []
        return [
            {"dag_id": name, "run_id": run["dag_run_id"], "at": run["end_date"]}
            for name, run in failed.items()
            if name not in well or ended(well[name]) < ended(run)
        ]

    def newest(
        self, names: Iterable[str], states: Iterable[str], by: str = "end_date"
    ) -> dict[str, Run]:
        """Return of each DAG its newest run in one of these states, if it has one.

        One request, as a rule: a page of the newest runs of all. Where DAGs that run
        often fill it, those that it does not show are asked for again, without them.
        """
        found: dict[str, Run] = {}
        left = set(names)
        while left:
            wanted = {
                "dag_ids": sorted(left),
                "states": list(states),
                "order_by": f"-{by}",
                "page_limit": PAGE,
            }
            page = self.ask("/api/v2/dags/~/dagRuns/list", wanted)["dag_runs"]
            for run in page:
                found.setdefault(run["dag_id"], run)
            if len(page) < PAGE:
                break
            left -= found.keys()
        return found

    def ask(
        self, path: str, body: Mapping[str, object] | None = None, how: str = ""
    ) -> dict[str, Any]:
        """Return what the API answers; POST where there is a body, or `how` says."""
        request = urllib.request.Request(
            self.url + path,
            method=how or None,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                **({"Authorization": f"Bearer {self.token}"} if self.token else {}),
            },
        )
        with urllib.request.urlopen(request, timeout=4) as answer:
            told: dict[str, Any] = json.load(answer)
            return told


def ended(run: Run) -> datetime:
    return datetime.fromisoformat(run["end_date"])
