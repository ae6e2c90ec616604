"""The promises on a Spark cluster of two workers, which is hurt and then left again.

On demand (`./bullion test cluster`): a second whole stack would cost CI minutes. One
story, told in order, as in test_1_promises.
"""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from expectations.places import folder
from schemas.exchange import usual_exchanges
from stack.place import Place
from stack.settings import environment
from tests.stack.laptop import Laptop, eventually, kill
from tests.stack.promises import doubled, goes_on, lost, rows, settled

pytestmark = pytest.mark.cluster
APPS = {"lanes", *(f"bronze-{exchange}-stream" for exchange in usual_exchanges())}


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop(tmp_path_factory.mktemp("cluster") / "home")
    try:
        feed = ("--feed", "simulated", "--rate", "60")
        print(laptop.run("up", "--spark", "cluster", *feed))
        yield laptop
    finally:
        laptop.run("down")


def master(laptop: Laptop) -> dict[str, Any]:
    """Return what the master says of itself; nothing while it is away."""
    url = f"http://127.0.0.1:{laptop.ports['SPARK_MASTER_UI']}/json/"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except OSError:
        return {"workers": [], "activeapps": []}


def is_whole(laptop: Laptop) -> bool:
    """Return whether all eight cores of two workers are at work for all programs."""
    told = master(laptop)
    alive = [each for each in told["workers"] if each["state"] == "ALIVE"]
    running = {a["name"] for a in told["activeapps"] if a["state"] == "RUNNING"}
    cores = 2 * len(usual_exchanges()) + 4
    return (
        len(alive) == 2
        and running == APPS
        and sum(each["coresused"] for each in alive) == min(cores, 8)
    )


def pid_of(laptop: Laptop, words: str) -> int:
    """Return one process of this home whose command line has these words."""
    return next(
        pid
        for pid, line in laptop.processes().items()
        if words in line and "/bin/java " in line
    )


def test_two_workers_of_four_cores_serve_every_program(laptop: Laptop) -> None:
    eventually(lambda: is_whole(laptop), "both workers at work")

    assert [each["cores"] for each in master(laptop)["workers"]] == [4, 4]


def test_a_test_job_runs_on_both_workers(laptop: Laptop) -> None:
    report = json.loads(laptop.run("cluster-check"))

    assert report["workers"] == 2 and report["wrote"] >= 2
    assert report["rows"] == 100_000


def test_trades_of_every_exchange_reach_gold(laptop: Laptop) -> None:
    for exchange in usual_exchanges():
        eventually(lambda: rows(laptop, exchange) > 200, f"{exchange} in gold")


@pytest.mark.parametrize(
    "words", ["worker.Worker", "master.Master", "CoarseGrainedExecutorBackend"]
)
def test_a_part_of_the_cluster_is_killed_and_nothing_lost_or_doubled(
    laptop: Laptop, words: str
) -> None:
    kill(pid_of(laptop, words))
    print(f"gold went on after {goes_on(laptop):.0f} s")
    print(f"whole after {eventually(lambda: is_whole(laptop), 'whole'):.0f} s more")

    assert (lost(laptop), doubled(laptop), settled(laptop)) == ([], [], [])


@pytest.mark.parametrize("profile", ["local", "cluster"])
def test_another_profile_goes_on_where_this_one_was(
    laptop: Laptop, profile: str
) -> None:
    before = {exchange: rows(laptop, exchange) for exchange in usual_exchanges()}
    mark = laptop.home / "checkpoints.at"
    left = mark.read_text()

    laptop.run("up", "--spark", profile)
    goes_on(laptop)

    for exchange, count in before.items():
        assert rows(laptop, exchange) > count
    settings = environment(Place.read(laptop.env))
    assert mark.read_text() == settings["BULLION_CHECKPOINTS"] != left
    assert not list(folder(left, settings).glob("*"))
    # Trades that came while nothing listened are another matter: they are filled.
    assert (doubled(laptop), settled(laptop)) == ([], [])


def test_down_leaves_nothing_of_a_cluster(laptop: Laptop) -> None:
    laptop.run("down")

    assert laptop.listening() == set()
    assert laptop.processes() == {}
