"""The search for secrets finds what is planted, wherever that is."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from stack.place import Place
from stack.secrets import NAMES, PEOPLE
from tests.stack import leaks

SECRET = b"f00dfeedf00dfeedf00dfeed"
KNOWN: Mapping[str, bytes] = {"s3_secret_key": SECRET, "other": b"x" * 40}


def place(home: Path, **settings: str) -> Place:
    return Place.read({"BULLION_HOME": str(home), **settings})


def plant(file: Path, text: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)


@pytest.mark.parametrize(
    "name",
    [
        "logs/kafka.log",
        "airflow/logs/dag_id=watch/attempt=1.log",
        "gx/site/page.html",
        "gx/results/deep/er/result.json",
        "alerts/alerts.jsonl",
        "locks/.hidden",
        "airflow/airflow.cfg",
    ],
)
def test_a_secret_in_a_file_is_found(tmp_path: Path, name: str) -> None:
    plant(tmp_path / name, b"\xff\0key=" + SECRET + b"\n")
    plant(tmp_path / "logs/sound.log", SECRET[:-1])

    found, count = leaks.in_files(tmp_path, KNOWN)

    assert found == [leaks.Leak(name, "s3_secret_key")]
    assert count == 2


def test_a_secret_on_the_seam_of_two_pieces_is_found() -> None:
    halves = [b"a" * 100 + SECRET[:5], SECRET[5:], b"b" * 100]

    assert leaks.leaked("here", halves, KNOWN) == [leaks.Leak("here", "s3_secret_key")]


def test_a_file_that_may_hold_secrets_is_its_owners_alone(tmp_path: Path) -> None:
    for name in leaks.KEPT:
        plant(tmp_path / name, SECRET)
        (tmp_path / name).chmod(0o600)
    assert leaks.in_files(tmp_path, KNOWN)[0] == []

    (tmp_path / "conf/s3.json").chmod(0o640)
    assert [each.where for each in leaks.in_files(tmp_path, KNOWN)[0]] == [
        "conf/s3.json"
    ]


def test_a_secret_among_arguments_is_found() -> None:
    asleep = "import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", asleep, SECRET.decode()]) as process:
        found, count = leaks.in_arguments(KNOWN, seconds=0.5)
        process.terminate()

    assert found == [leaks.Leak("arguments of a process", "s3_secret_key")]
    assert count > 1


def test_every_secret_is_looked_for(tmp_path: Path) -> None:
    known = leaks.secrets_of(
        place(
            tmp_path,
            BULLION_ALERT_WEBHOOK="https://chat.example/hook/T0KEN-of-the-webhook",
            BULLION_HEARTBEAT_URL="https://ping.example/T0KEN-of-the-heartbeat",
        )
    )

    assert {*NAMES, *(f"password of {name}" for name in PEOPLE)} <= known.keys()
    assert known["BULLION_ALERT_WEBHOOK"] == b"T0KEN-of-the-webhook"
    assert known["BULLION_HEARTBEAT_URL"] == b"T0KEN-of-the-heartbeat"
    assert known["BULLION_AIRFLOW_DATABASE"] == known["airflow"]
    assert {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY"} <= known.keys()


def test_what_is_found_is_told_by_name_alone(tmp_path: Path) -> None:
    plant(tmp_path / "logs/a.log", SECRET)

    assert SECRET.decode() not in str(leaks.in_files(tmp_path, KNOWN))
