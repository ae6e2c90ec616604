"""A part counts as ready once it answers what it is there for."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stack import steps
from stack.place import Place
from stack.programs import as_postgres, postgres
from stack.settings import environment
from stack.when_ready import answers
from tests.laptop.ports import free_ports

WITHIN = 60


def held(it_does: Callable[[], bool]) -> bool:
    """Return whether it came to hold; the bound is there so that CI ends."""
    until = time.monotonic() + WITHIN
    while not it_does() and time.monotonic() < until:
        time.sleep(0.05)
    return it_does()


@pytest.fixture()
def place(tmp_path: Path) -> Place:
    found = Place.read({"BULLION_HOME": str(tmp_path)})
    for folder in (found.data, found.run):
        folder.mkdir(parents=True)
    found.envs.symlink_to(Place.read().envs)
    steps.init_postgres(found, environment(found))
    return replace(found, ports=free_ports())


@pytest.fixture()
def replaying(place: Place) -> Iterator[Place]:
    """A server that listens, and still has log to replay."""
    folder = place.data / "postgres"
    (folder / "standby.signal").touch()
    command = (*postgres(place).command, "-c", "hot_standby=off")
    with subprocess.Popen(
        command, cwd=place.data, stderr=(place.run / "said").open("w")
    ) as server:
        yield place
        server.terminate()


def test_a_database_that_replays_its_log_listens_and_is_not_ready(
    replaying: Place,
) -> None:
    program = postgres(replaying)
    port = replaying.ports["POSTGRES"]
    said = replaying.run / "said"

    assert held(lambda: answers(f"tcp:{port}")), said.read_text()
    assert not answers(program.ready)

    control = str(replaying.postgres_bin / "pg_ctl")
    folder = str(replaying.data / "postgres")
    subprocess.run((*as_postgres(), control, "promote", "-D", folder), check=True)
    assert held(lambda: answers(program.ready)), said.read_text()
