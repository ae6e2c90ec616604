"""The Spark cluster as a profile: its programs, their shares, and where notes lie."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from schemas.exchange import usual_exchanges
from stack import files, profile, secrets
from stack.place import CLUSTER, PORTS, Place
from stack.programs import Program, programs
from stack.programs.cluster import CORES, WORKERS, bronze_share, lanes_share
from stack.settings import environment
from stack.when_ready import answers

EXCHANGES = usual_exchanges()


def clustered(home: Path, **settings: str) -> Place:
    home.mkdir(parents=True, exist_ok=True)
    place = Place.read({"BULLION_HOME": str(home), **settings})
    profile.remember(place, "cluster")
    return place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return clustered(tmp_path / "home")


def by_name(place: Place) -> dict[str, Program]:
    return {program.name: program for program in programs(place)}


def said(program: Program) -> str:
    return " ".join((*program.command, *map("=".join, program.env), program.ready))


def conf(program: Program, key: str) -> str:
    (value,) = re.findall(rf"--conf {re.escape(key)}=(\S+)", said(program))
    return str(value)


def test_a_home_is_local_until_it_is_told_otherwise(tmp_path: Path) -> None:
    place = Place.read({"BULLION_HOME": str(tmp_path)})

    assert profile.profile(place) == "local"
    assert "bronze" in by_name(place) and "spark-master" not in by_name(place)
    assert "local[2]" in by_name(place)["spark-connect"].command
    assert environment(place)["BULLION_SPARK_MASTER"] == ""


def test_the_cluster_has_a_master_two_workers_and_a_bronze_for_each_exchange(
    place: Place,
) -> None:
    names = set(by_name(place))

    assert {"spark-master", "spark-worker-1", "spark-worker-2"} <= names
    assert {f"bronze-{exchange}-stream" for exchange in EXCHANGES} <= names
    assert "bronze" not in names
    for worker in ("spark-worker-1", "spark-worker-2"):
        assert "--cores 4 --memory 2g" in said(by_name(place)[worker])


def test_every_driver_of_the_cluster_is_sent_to_its_master(place: Place) -> None:
    master = f"--master spark://127.0.0.1:{place.ports['SPARK_MASTER']} "
    drivers = [p for p in programs(place) if "spark-submit" in said(p)]

    assert len(drivers) == 1 + len(EXCHANGES)
    assert all(master in said(driver) for driver in drivers)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_shares_fit_the_workers_wherever_executors_are_put(
    tmp_path: Path, count: int
) -> None:
    place = clustered(tmp_path, BULLION_EXCHANGES=" ".join("abcdefgh"[:count]))
    bronze, lanes = bronze_share(place), lanes_share(place)

    assert count * bronze.cores + lanes.cores <= CORES * len(WORKERS)
    assert bronze.cores == (2 if count <= 3 else 1)
    # A worker's cores end before its memory does, whoever takes them.
    for share in (bronze, lanes):
        executor_cores = min(share.executor_cores, share.cores)
        assert share.executor_mb * CORES / executor_cores <= 2048


def test_bronze_has_two_cores_and_the_lanes_have_the_rest(place: Place) -> None:
    bronze = by_name(place)[f"bronze-{EXCHANGES[0]}-stream"]

    assert conf(bronze, "spark.cores.max") == "2"
    assert conf(by_name(place)["spark-connect"], "spark.cores.max") == "4"


def test_every_port_of_the_cluster_may_be_moved(tmp_path: Path) -> None:
    moved = {name: port + 20000 for name, port in PORTS.items()}
    place = clustered(
        tmp_path, **{f"BULLION_PORT_{n}": str(port) for n, port in moved.items()}
    )
    words = " ".join(map(said, programs(place)))

    assert len(CLUSTER) == 6
    for name in CLUSTER:
        assert str(moved[name]) in words, name
        assert not re.search(rf"\b{PORTS[name]}\b", words), name


def test_the_cluster_listens_on_this_machine_only_and_shows_no_secret(
    place: Place,
) -> None:
    files.write_all(place)
    words = " ".join(map(said, programs(place)))

    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", words)) == {"127.0.0.1"}
    assert not [name for name, v in secrets.kept(place).items() if v in words]
    for name in ("spark-master", "spark-worker-1", "spark-worker-2"):
        program = by_name(place)[name]
        assert "--host 127.0.0.1" in said(program)
        assert ("SPARK_LOCAL_IP", "127.0.0.1") in program.env


def test_notes_lie_in_s3_on_the_cluster_and_where_a_user_says(tmp_path: Path) -> None:
    place = clustered(tmp_path)
    asked = clustered(tmp_path, BULLION_CHECKPOINTS="s3a://mine/notes")

    assert environment(place)["BULLION_CHECKPOINTS"] == "s3a://lake/checkpoints"
    assert environment(asked)["BULLION_CHECKPOINTS"] == "s3a://mine/notes"
    assert profile.checkpoints_now(place) == str(tmp_path / "checkpoints")
    profile.remember(place, "local")
    assert profile.checkpoints(place) == str(tmp_path / "checkpoints")


def test_ports_that_only_the_cluster_needs_are_no_matter_to_others(
    place: Place,
) -> None:
    assert profile.ports_needed(place, "cluster") == place.ports
    assert set(PORTS) - set(profile.ports_needed(place, "local")) == CLUSTER


@pytest.fixture
def told() -> Iterator[dict[str, Any]]:
    """What a master says of itself, as Spark 4.1.1 words it; on `port`."""
    state: dict[str, Any] = {
        "workers": [{"id": "worker-1", "state": "ALIVE", "cores": 4}],
        "activeapps": [
            {"name": "lanes", "state": "RUNNING", "cores": 4},
            {"name": "bronze-acme-stream", "state": "WAITING", "cores": 0},
        ],
    }

    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802, the name is http.server's
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(state).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Says) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield state | {"port": server.server_port, "state": state}
        server.shutdown()


def test_an_application_is_ready_once_it_has_executors(told: dict[str, Any]) -> None:
    port = told["port"]

    assert answers(f"app:{port}/lanes")
    assert not answers(f"app:{port}/bronze-acme-stream")
    assert not answers(f"app:{port}/nobody")


def test_a_cluster_without_a_living_worker_is_not_ready(told: dict[str, Any]) -> None:
    assert answers(f"workers:{told['port']}")
    told["state"]["workers"][0]["state"] = "DEAD"

    assert not answers(f"workers:{told['port']}")
    assert not answers("workers:1") and not answers("app:1/lanes")
