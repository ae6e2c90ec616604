"""The control room itself: every DAG has run, no secret is seen, and the end.

The story's last part: it looks at all that the parts before it have left.
"""

import json
import time
import urllib.request
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.error import HTTPError

import pytest

from query.airflow_api import Airflow
from tests.stack import leaks
from tests.stack.control import dags, ended, has_succeeded
from tests.stack.laptop import Laptop

pytestmark = pytest.mark.stack
PUBLIC = ("/api/v2/monitor/health", "/api/v2/version", "/openapi.json")
PAGES = (
    "/ui/config",
    "/lakehouse/index.html",
    "/lakehouse/api/page",
    "/data-docs/index.html",
)


def test_every_dag_has_run_well(laptop: Laptop) -> None:
    """By itself, answered by people, or begun after the two schedulers."""
    began = time.monotonic()
    told = ended(laptop)
    print(f"{', '.join(told)} ended after {time.monotonic() - began:.0f} s more")
    flow = Airflow(laptop.settings)
    known = dags(flow)

    assert {"audit", "orphans", "release_lane", "replay_dead_letters"} < set(known)
    assert flow.ask("/api/v2/importErrors")["total_entries"] == 0
    assert {name: how for name, how in told.items() if how != "success"} == {}
    assert [each for each in known if not has_succeeded(flow, each)] == []


@pytest.mark.parametrize(
    ("dag_id", "run_id", "conf"),
    [
        ("audit", "x", {"first": "2026-11-05; id"}),
        ("audit", "x", {"last": "$(id)"}),
        ("release_lane", "x", {"exchange": "x'; DROP TABLE t; --"}),
        ("replay_dead_letters", "x", {"since": "{{ 7 * 7 }}"}),
        ("watch", "x", {"test": "--test"}),
        ("watch", "$(id)", {}),
        ("watch", "../x", {}),
        ("watch", "x\n", {}),
    ],
)
def test_hostile_words_begin_no_run(
    laptop: Laptop, dag_id: str, run_id: str, conf: dict[str, str]
) -> None:
    """All other words are tried without a stack, in tests/dags/test_hostile_params."""
    order = {"dag_run_id": run_id, "logical_date": None, "conf": conf}

    with pytest.raises(HTTPError) as answer:
        Airflow(laptop.settings).ask(f"/api/v2/dags/{dag_id}/dagRuns", order)

    assert answer.value.code in (400, 422)


def got(laptop: Laptop, path: str, token: str = "") -> tuple[int, bytes]:
    """Return code and body of an answer of Airflow's server."""
    request = urllib.request.Request(
        laptop.settings.airflow_url + path,
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except HTTPError as refused:
        return refused.code, refused.read()


def readable(laptop: Laptop) -> list[str]:
    """Return each address of Airflow's API that is asked for without an id.

    Not those of the login: one of them ends the session that asks.
    """
    paths = json.loads(got(laptop, "/openapi.json")[1])["paths"]
    listed = [name for name, how in paths.items() if "get" in how and "{" not in name]
    return [name for name in listed if "/auth/" not in name]


def answers(laptop: Laptop) -> Iterator[bytes]:
    """Yield what Airflow tells an admin: lists, pages, the newest run of each DAG."""
    flow = Airflow(laptop.settings)
    for path in (*readable(laptop), *PAGES):
        yield got(laptop, path, flow.token)[1]
    for dag_id in dags(flow):
        dag = f"/api/v2/dags/{dag_id}"
        yield got(laptop, f"{dag}/details", flow.token)[1]
        yield got(laptop, f"/api/v2/dagSources/{dag_id}", flow.token)[1]
        runs = flow.ask(f"{dag}/dagRuns?order_by=-run_after&limit=1")["dag_runs"]
        for run in runs:
            tasks = f"{dag}/dagRuns/{run['dag_run_id']}/taskInstances"
            told: dict[str, Any] = flow.ask(tasks)
            yield json.dumps(told).encode()
            for task in told["task_instances"]:
                one = f"{tasks}/{task['task_id']}"
                yield got(laptop, f"{one}/logs/{task['try_number']}", flow.token)[1]
                yield got(laptop, f"{one}/xcomEntries/return_value", flow.token)[1]


def of_spark(laptop: Laptop) -> Iterator[bytes]:
    """Yield how the drivers are set up, as their pages tell everybody."""
    for name in ("SPARK_UI", "BRONZE_UI"):
        url = f"http://127.0.0.1:{laptop.ports[name]}"
        with urllib.request.urlopen(f"{url}/api/v1/applications", timeout=20) as told:
            (app,) = json.load(told)
        for path in ("/environment/", f"/api/v1/applications/{app['id']}/environment"):
            with urllib.request.urlopen(url + path, timeout=20) as told:
                shown = told.read()
            assert b"spark.redaction.regex" in shown
            yield shown


def test_nothing_is_told_to_who_has_not_logged_in(laptop: Laptop) -> None:
    asked = [path for path in (*readable(laptop), *PAGES) if path not in PUBLIC]
    assert len(asked) > 20

    open_to_all = [path for path in asked if got(laptop, path)[0] not in (401, 403)]

    assert open_to_all == []


def test_no_secret_stands_where_people_and_programs_look(laptop: Laptop) -> None:
    known = leaks.secrets_of(laptop.place)
    in_files, files = leaks.in_files(laptop.home, known)
    told = [laptop.run("status", "--json"), laptop.run("doctor", check=False)]
    seen = [*answers(laptop), *of_spark(laptop), *(each.encode() for each in told)]
    in_databases: list[leaks.Leak] = []
    for name in ("airflow", "catalog", "registry"):
        found, size = leaks.in_database(laptop.place, name, known)
        in_databases += found
        assert size > 1000
    # Longer than two runs of a lane lie apart.
    in_arguments, processes = leaks.in_arguments(known, seconds=20)
    print(f"{files} files, {len(seen)} answers, {processes} processes were looked at")

    assert in_files == []
    assert leaks.leaked("an answer", seen, known) == []
    assert in_databases == []
    assert in_arguments == []
    assert files > 200 and len(seen) > 60 and processes > 15


def test_nothing_listens_beyond_this_machine(laptop: Laptop) -> None:
    held = laptop.addresses()

    assert len(held) > 5
    assert {(name, ip) for name, ip in held if not ip_address(ip).is_loopback} == set()


def test_down_leaves_no_process_and_no_open_port(laptop: Laptop) -> None:
    assert laptop.listening() and laptop.processes()

    laptop.run("down")

    assert laptop.listening() == set()
    assert laptop.processes() == {}
    assert list(laptop.place.scratch.glob("*")) == []
