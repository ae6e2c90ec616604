"""Airflow is asked a few times, however many DAGs it has, and as its API wants it."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from query.airflow_api import PAGE, Airflow
from query.settings import Settings
from tests.expectations.cases import NOON

LIST = "/api/v2/dags/~/dagRuns/list"


def contract() -> dict[str, Any]:
    """Return what the installed Airflow says of its API; nothing of it is imported."""
    found = importlib.util.find_spec("airflow")
    assert found and found.submodule_search_locations
    folder, *_ = found.submodule_search_locations
    place = "api_fastapi/core_api/openapi/v2-rest-api-generated.yaml"
    told: dict[str, Any] = yaml.load(
        Path(folder, place).read_text(), Loader=yaml.CSafeLoader
    )
    return told


def run(dag_id: str, minutes: float, state: str) -> dict[str, str]:
    """Return a run that ended so many minutes before noon."""
    at = (NOON - timedelta(minutes=minutes)).isoformat()
    name = f"{dag_id} {minutes}"
    return {
        "dag_id": dag_id,
        "dag_run_id": name,
        "run_after": at,
        "end_date": at,
        "state": state,
    }


def dag(dag_id: str, schedule: str | None = "0 * * * *", paused: bool = False) -> Any:
    return {
        "dag_id": dag_id,
        "timetable_summary": schedule,
        "is_paused": paused,
        "next_dagrun_run_after": "soon",
    }


class Flow:
    """As much of Airflow's API as is asked, over DAGs and runs that a test names."""

    def __init__(self) -> None:
        self.dags: list[dict[str, Any]] = []
        self.runs: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    def answer(self, path: str, body: dict[str, Any]) -> object:
        self.asked.append(path.split("?")[0])
        if path == "/auth/token":
            return {"access_token": "token"}
        if path == LIST:
            self.bodies.append(body)
            return {"dag_runs": self.page(body)}
        words = dict(each.split("=") for each in path.split("?")[1].split("&"))
        first = int(words["offset"])
        return {"dags": self.dags[first : first + min(int(words["limit"]), PAGE)]}

    def page(self, body: dict[str, Any]) -> list[dict[str, str]]:
        found = [
            each
            for each in self.runs
            if each["dag_id"] in body["dag_ids"] and each["state"] in body["states"]
        ]
        key = body["order_by"].removeprefix("-")
        found.sort(key=lambda each: datetime.fromisoformat(each[key]), reverse=True)
        return found[: body["page_limit"]]


@pytest.fixture
def flow() -> Flow:
    return Flow()


@pytest.fixture
def airflow(settings: Settings, flow: Flow) -> Iterator[Airflow]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.tell({})

        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["Content-Length"]))
            self.tell(json.loads(said))

        def tell(self, body: dict[str, Any]) -> None:
            answer = json.dumps(flow.answer(self.path, body)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing among the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.airflow_passwords.write_text('{"admin": "word"}')
        url = f"http://127.0.0.1:{server.server_port}"
        yield Airflow(replace(settings, airflow_url=url))
        server.shutdown()


def names(found: list[dict[str, Any]]) -> list[str]:
    return sorted(each["dag_id"] for each in found)


def test_a_dag_on_a_schedule_whose_newest_run_failed_is_named(
    airflow: Airflow, flow: Flow
) -> None:
    flow.dags = [
        dag("upkeep"),
        dag("orphans"),
        dag("mended"),
        dag("never_ran"),
        dag("by_hand", schedule=None),
        dag("asleep", paused=True),
        dag("lane__acme"),
        dag("watch"),
    ]
    flow.runs = [
        *(run(each["dag_id"], 9, "failed") for each in flow.dags),
        run("never_ran", 1, "running"),
        run("mended", 2, "success"),
        run("upkeep", 30, "success"),
        run("orphans", 9.5, "failed"),
    ]
    flow.runs = [
        each for each in flow.runs if each["dag_run_id"] not in ("never_ran 9",)
    ]

    assert names(airflow.failed_dags()) == ["orphans", "upkeep"]
    (told,) = (each for each in airflow.failed_dags() if each["dag_id"] == "orphans")
    at = (NOON - timedelta(minutes=9)).isoformat()
    assert told == {"dag_id": "orphans", "run_id": "orphans 9", "at": at}


def test_the_number_of_requests_does_not_grow_with_dags_lanes_or_runs(
    airflow: Airflow, flow: Flow
) -> None:
    lanes = [f"lane__{each}" for each in airflow.exchanges]
    flow.dags = [dag(name) for name in [*lanes, *(f"d{n}" for n in range(60))]]
    flow.runs = [
        run(each["dag_id"], age, "success") for each in flow.dags for age in (1, 2, 3)
    ]

    for exchange in airflow.exchanges:
        assert airflow.lane(exchange)["last_run"] == "success"
    assert airflow.failed_dags() == []
    assert len(airflow.timetable()) == len(flow.dags)

    # The token, the DAGs, the lanes' runs, and the runs of the others that failed.
    assert flow.asked == ["/auth/token", "/api/v2/dags", LIST, LIST]


def test_dags_that_run_often_hide_no_rare_one(airflow: Airflow, flow: Flow) -> None:
    flow.dags = [dag("each_minute"), dag("each_hour"), dag("each_week")]
    flow.runs = [
        *(run("each_minute", age, "failed") for age in range(300)),
        *(run("each_hour", 60 * age, "failed") for age in range(150)),
        run("each_week", 9000, "failed"),
        run("each_hour", 1, "success"),
    ]

    assert names(airflow.failed_dags()) == ["each_hour", "each_minute", "each_week"]
    flow.runs.append(run("each_hour", -1, "success"))
    assert names(airflow.failed_dags()) == ["each_minute", "each_week"]


def test_more_dags_than_a_page_holds_are_all_known(
    airflow: Airflow, flow: Flow
) -> None:
    flow.dags = [dag(f"d{n:04}") for n in range(2 * PAGE + 1)]
    flow.runs = [run(flow.dags[-1]["dag_id"], 1, "failed")]

    assert len(airflow.timetable()) == 2 * PAGE + 1
    assert names(airflow.failed_dags()) == ["d0200"]


def test_a_lane_that_airflow_does_not_know_says_so(
    airflow: Airflow, flow: Flow
) -> None:
    flow.dags = [dag("upkeep")]

    told = airflow.lane(airflow.exchanges[0])

    assert "has no DAG lane__" in str(told["next_run"]) and told["last_run"] is None


def test_what_is_asked_is_what_the_installed_airflow_takes(
    airflow: Airflow, flow: Flow
) -> None:
    flow.dags = [dag("upkeep")]
    flow.runs = [run("upkeep", 1, "failed")]
    airflow.failed_dags()
    airflow.lane(airflow.exchanges[0])
    told = contract()
    schemas = told["components"]["schemas"]
    wanted = {"$ref": "#/components/schemas/DAGRunsBatchBody"} | told

    assert "post" in told["paths"][LIST.replace("~", "{dag_id}")]
    assert flow.bodies
    for body in flow.bodies:
        jsonschema.validate(body, wanted)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"no_such_filter": 1}, wanted)
    assert flow.runs[0].keys() <= schemas["DAGRunResponse"]["properties"].keys()
    known = schemas["DAGResponse"]["properties"].keys()
    assert flow.dags[0].keys() | {"timetable_description"} <= known


def test_nothing_is_said_of_dags_while_airflow_is_away(settings: Settings) -> None:
    flow = Airflow(settings)

    assert flow.failed_dags() == [] and flow.state.startswith("away")
