"""PostgreSQL as the laptop runs it."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from stack import steps
from stack.place import Place
from stack.programs import as_postgres, postgres
from stack.secrets import kept
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


@contextmanager
def started(place: Place, *words: str) -> Iterator[Place]:
    """Run the server, with these words more."""
    command = (*postgres(place).command, *words)
    with subprocess.Popen(
        command, cwd=place.data, stderr=(place.run / "said").open("w")
    ) as server:
        try:
            yield place
        finally:
            server.send_signal(signal.SIGINT)


@pytest.fixture()
def replaying(place: Place) -> Iterator[Place]:
    """A server that listens, and still has log to replay."""
    (place.data / "postgres/standby.signal").touch()
    with started(place, "-c", "hot_standby=off") as running:
        yield running


def test_what_nobody_uses_any_more_does_not_hold_a_connection(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "ABANDONED", "1s")
    secret = kept(place)

    def opened(name: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host="127.0.0.1",
            port=place.ports["POSTGRES"],
            **dict.fromkeys(("dbname", "user"), name),
            password=secret[name],
        )

    with started(place):
        assert held(lambda: answers(postgres(place).ready))
        steps.databases(place, environment(place))
        airflow, *catalogs = (opened(name) for name in ("airflow", "catalog"))
        watch = airflow.cursor()
        airflow.autocommit = True

        def connections() -> int:
            watch.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'catalog'"
            )
            (found,) = watch.fetchone() or (-1,)
            return int(found)

        assert connections() == len(catalogs) == 1
        assert held(lambda: connections() == 0)
        # Airflow's own connection is not used either, and stays.
        time.sleep(2)
        assert connections() == 0


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
