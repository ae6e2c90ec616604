"""compose.yml keeps its promises on paper: no image can be pulled where tests run."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.exchange import usual_exchanges
from schemas.table import ROOT
from stack.when_ready import answers

DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENDS = {"prepare"}
"""What does its work and ends: it has no health, and is begun again if it fails."""
PINNED = re.compile(r"[\w./-]+:\d+(\.\d+)+(-\w+)?")
REQUIRED = re.compile(r"""(?:env|environ)\[["'](BULLION_[A-Z0-9_]+)["']\]""")
ASKED_FOR = {"BULLION_AIRFLOW_NOTIFIER", "BULLION_REGISTRY_USER"}
"""Required only with another setting that nobody needs."""
ROOT_BY_DEFAULT = {"s3", "postgres"}


def each(*without: str) -> list[str]:
    return [name for name in SERVICES if name not in without]


@pytest.mark.parametrize("name", each())
def test_a_service_is_pinned_limited_and_begun_again(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]

    assert PINNED.fullmatch(service["image"])
    assert float(limits["cpus"]) > 0 and re.fullmatch(r"\d+[MG]", limits["memory"])
    wanted = "on-failure" if name in ENDS else "unless-stopped"
    assert service["restart"] == wanted


@pytest.mark.parametrize("name", each(*ENDS))
def test_a_service_tells_of_its_health(name: str) -> None:
    kind, *words = SERVICES[name]["healthcheck"]["test"]

    assert kind in ("CMD", "CMD-SHELL") and words
    if words[0] == "/opt/bullion/healthy.sh":
        # A kind of probe that there is not would be a ValueError.
        assert not answers(re.sub(r"\d{4}", "1", words[1]))


def test_services_are_begun_in_order() -> None:
    for name in each():
        for needed, told in SERVICES[name].get("depends_on", {}).items():
            wanted = "completed_successfully" if needed in ENDS else "healthy"
            assert told["condition"] == f"service_{wanted}", (name, needed)
    after = {name: set(SERVICES[name].get("depends_on", {})) for name in each()}
    for exchange in usual_exchanges():
        assert {"kafka", "prepare", "spark-worker-1"} <= after[
            f"bronze-{exchange}-stream"
        ]
    assert {"spark-connect", "registry"} <= after["prepare"]


def test_two_workers_of_four_cores_have_a_bronze_job_for_each_exchange() -> None:
    workers = [name for name in each() if name.startswith("spark-worker")]

    assert len(workers) == 2
    for name in workers:
        assert SERVICES[name]["environment"]["WORKER_CORES"] == "4"
    cores = [int(SERVICES[n].get("environment", {}).get("CORES", 0)) for n in each()]
    assert sum(cores) == 8
    for exchange in usual_exchanges():
        service = SERVICES[f"bronze-{exchange}-stream"]
        assert service["command"] == ["bronze", exchange]
        assert service["environment"]["CORES"] == "2"


def test_spark_keeps_within_its_share_of_the_host() -> None:
    ours = [name for name in each(*ENDS) if re.match("spark|bronze", name)]
    limits = [SERVICES[name]["deploy"]["resources"]["limits"] for name in ours]

    assert sum(float(limit["cpus"]) for limit in limits) <= 5
    assert sum(int(limit["memory"].removesuffix("M")) for limit in limits) <= 10 * 1024


def test_secrets_come_from_files_and_from_nowhere_else() -> None:
    for name in each():
        for key, value in SERVICES[name].get("environment", {}).items():
            hidden = re.search("PASSWORD|SECRET|KEY", key)
            assert not hidden or str(value).startswith("/run/secrets/"), (name, key)
        for secret in SERVICES[name].get("secrets", []):
            assert COMPOSE["secrets"][secret]["file"].startswith("./secrets/")
    assert "/secrets/" in (DOCKER / ".gitignore").read_text()


def test_every_setting_without_which_a_program_ends_is_named() -> None:
    """Of Airflow's side too: it stands beside, and begins with these."""
    rooms = ("dags", "expectations", "ingestion", "query", "spark_apps")
    required = {
        name
        for room in rooms
        for file in (ROOT / room).rglob("*.py")
        for name in REQUIRED.findall(file.read_text())
    }
    secret = {f"BULLION_{name.upper()}" for name in COMPOSE["secrets"]}
    said = {*COMPOSE["x-driver"], *COMPOSE["x-control-room"], *secret}

    assert "BULLION_ALERTS" in required
    assert required - said - ASKED_FOR == set()
    offered = (ROOT / ".env.example").read_text()
    for name in COMPOSE["x-control-room"]:
        assert f"{name}=" in offered


def test_nothing_is_published_beyond_this_machine_and_nobody_is_root() -> None:
    for name in each():
        for port in SERVICES[name].get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)
        ours = SERVICES[name]["image"].startswith("bullion-")
        if ours or name in ROOT_BY_DEFAULT:
            assert SERVICES[name]["user"] not in ("root", "0", "0:0")


def test_secrets_are_made_once_at_random(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets.sh"
    script.write_text((DOCKER / "make-secrets.sh").read_text())
    wanted = {Path(told["file"]).name for told in COMPOSE["secrets"].values()}

    def made() -> dict[str, str]:
        subprocess.run(["bash", str(script)], check=True)
        return {f.name: f.read_text() for f in (tmp_path / "secrets").iterdir()}

    first = made()

    assert first.keys() == wanted and len(set(first.values())) == len(wanted)
    assert all(
        re.fullmatch(r"[0-9a-f]{40}", v) for n, v in first.items() if n != "s3.json"
    )
    assert os.stat(tmp_path / "secrets").st_mode & 0o777 == 0o700
    assert made() == first


def test_every_role_that_compose_asks_for_is_one_that_the_image_knows() -> None:
    script = (DOCKER / "spark/run.sh").read_text()
    known = set(re.findall(r"^  (\w+)\)$", script, re.MULTILINE)) | {"prepare"}
    asked = {
        SERVICES[name]["command"][0]
        for name in each()
        if SERVICES[name]["image"].startswith("bullion-")
    }

    assert asked == known
    subprocess.run(["bash", "-n", str(DOCKER / "spark/run.sh")], check=True)
