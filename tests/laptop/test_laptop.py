"""The laptop's files and checks, without starting it."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from schemas.table import all_exchanges, all_tables
from stack import files, jars, java, secrets
from stack.__main__ import parsed
from stack.commands import COMMANDS
from stack.place import CLUSTER, PORTS, REPO, Place, SettingRefused, written
from stack.processes import listening
from stack.programs import as_postgres, programs
from stack.settings import environment
from stack.unknown_settings import unknown
from stack.when_ready import answers
from tests.stack.laptop import Laptop


@pytest.fixture()
def place(tmp_path: Path) -> Place:
    return Place.read({"BULLION_HOME": str(tmp_path / "home")})


def test_secrets_are_made_once_and_for_their_owner_only(place: Place) -> None:
    made = secrets.kept(place)

    assert secrets.kept(place) == made
    assert len(set(made.values())) == len(secrets.NAMES)
    for file in (place.home / "secrets.json", secrets.passwords(place)):
        assert file.stat().st_mode & 0o777 == 0o600


def test_people_who_are_new_get_a_password_and_others_keep_theirs(place: Place) -> None:
    file = secrets.passwords(place)
    known = json.loads(file.read_text())
    assert set(known) == {"admin", "approver", "operator", "viewer"}
    file.write_text(json.dumps({"admin": known["admin"], "viewer": "mine"}))

    told = json.loads(secrets.passwords(place).read_text())
    assert (told["admin"], told["viewer"]) == (known["admin"], "mine")
    assert set(told) == set(known) and len(set(told.values())) == 4


@pytest.mark.parametrize("command", ["sql", "python", "airflow"])
def test_an_option_of_another_program_may_stand_first(command: str) -> None:
    asked = parsed([command, "--format", "csv", "-h"])

    assert (asked.command, asked.words) == (command, ["--format", "csv", "-h"])
    assert command in COMMANDS


def test_homes_that_share_a_java_share_its_launcher(tmp_path: Path) -> None:
    first, second = (
        Place.read({"BULLION_HOME": str(tmp_path / name)}) for name in ("one", "two")
    )
    second.home.mkdir()
    for name in ("envs", "jars", "java"):
        (first.home / name).mkdir(parents=True)
        (second.home / name).symlink_to(first.home / name)

    texts = []
    for place in (first, second):
        java.make_home(place)
        texts.append((first.java / "bin/java").read_text())

    # The second home will be gone one day, and the first goes on.
    assert texts[0] == texts[1]
    assert str(first.envs) in texts[0]


def test_nothing_listens_beyond_this_machine(place: Place) -> None:
    files.write_all(place)
    told = environment(place)
    texts = [
        files.kafka(place),
        *(" ".join(program.command) for program in programs(place)),
        *(f"{k}={v}" for program in programs(place) for k, v in program.env),
        *(f"{name}={value}" for name, value in told.items() if "HOST" in name),
    ]
    hosts = {host for text in texts for host in re.findall(r"\d+\.\d+\.\d+\.\d+", text)}

    assert hosts == {"127.0.0.1"}
    assert not any("localhost" in text or "[::]" in text for text in texts)


def test_every_port_may_be_moved(tmp_path: Path) -> None:
    moved = {name: port + 20000 for name, port in PORTS.items()}
    env = {f"BULLION_PORT_{name}": str(port) for name, port in moved.items()}
    env["BULLION_EXCHANGES"] = ",".join(all_exchanges())
    place = Place.read({"BULLION_HOME": str(tmp_path), **env})
    files.write_all(place)
    words = " ".join(
        " ".join((*program.command, *map("=".join, program.env), program.ready))
        for program in programs(place)
    )
    said = words + files.kafka(place) + str(environment(place))

    for name, port in moved.items():
        if name in CLUSTER:
            continue  # tests/laptop/test_cluster.py
        assert str(port) in said, name
        assert not re.search(rf":{PORTS[name]}\b", said), name


def test_each_capture_exports_its_metrics_at_a_port_of_its_own(
    tmp_path: Path,
) -> None:
    every = ",".join(all_exchanges())
    place = Place.read({"BULLION_HOME": str(tmp_path), "BULLION_EXCHANGES": every})
    ports = {
        program.name: dict(program.env)["BULLION_METRICS_PORT"]
        for program in programs(place)
        if program.name.startswith("capture-")
    }

    assert ports == {
        f"capture-{name}": str(PORTS[f"METRICS_{name.upper()}"])
        for name in all_exchanges()
    }
    assert len(set(ports.values())) == len(ports) > 1


def test_a_line_of_the_example_may_be_uncommented_as_it_stands(tmp_path: Path) -> None:
    example = (REPO / ".env.example").read_text()
    file = tmp_path / ".env"
    file.write_text(re.sub("^#BULLION", "BULLION", example, flags=re.MULTILINE))
    said = written(file)

    assert said["BULLION_LANE_SECONDS"].isdigit()
    # Those of exchanges are told once, as the other settings of an exchange are.
    metrics = [name for name in PORTS if name.startswith("METRICS_")]
    others = PORTS.keys() - set(metrics)
    assert {name: said[f"BULLION_PORT_{name}"] for name in others} == {
        name: str(PORTS[name]) for name in others
    }
    first = int(said["BULLION_PORT_METRICS_ACME"])
    assert [PORTS[name] for name in metrics] == list(range(first, first + len(metrics)))
    assert said["BULLION_EXCHANGES"] == ""


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("BULLION_HOME=/a b", "/a b"),
        ("BULLION_HOME = /a#b # why", "/a#b"),
        ("BULLION_HOME='/a # b'  # why", "/a # b"),
        ('BULLION_HOME="/a b"', "/a b"),
        ("BULLION_HOME=", ""),
    ],
)
def test_a_setting_is_read_alike_by_the_script_and_by_python(
    tmp_path: Path, line: str, value: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"# {line}\n{line}\n")
    script = (REPO / "bullion").read_text()
    told = script[script.index("told() {") : script.index("\nhome=")]
    asked = f"repo={shlex.quote(str(tmp_path))}\n{told}\ntold BULLION_HOME"
    said = subprocess.run(["bash", "-c", asked], capture_output=True, text=True)

    assert written(file) == {"BULLION_HOME": value}
    assert said.stdout == (f"{value}\n" if value else "\n")


def test_a_setting_that_is_left_empty_is_the_usual_one(tmp_path: Path) -> None:
    env = {"BULLION_HOME": str(tmp_path), "BULLION_CHECKPOINTS": ""}

    told = environment(Place.read(env))

    assert told["BULLION_CHECKPOINTS"] == str(tmp_path / "checkpoints")


@pytest.mark.parametrize("text", ["many", "0", "70000"])
def test_a_port_that_is_none_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(SettingRefused, match="BULLION_PORT_KAFKA.*number from 1"):
        Place.read({"BULLION_PORT_KAFKA": text})


@pytest.mark.parametrize("lock", [jars.LOCK, REPO / "benchmarks/connect/jars.lock"])
def test_the_lock_of_the_jars_is_whole(lock: Path) -> None:
    lines = lock.read_text().splitlines()

    assert len(lines) > 50
    assert all(re.fullmatch(r"[0-9a-f]{64}  [a-z]+/\S+", line) for line in lines)


def test_a_jar_that_was_changed_or_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "spark").mkdir()
    good, bad = tmp_path / "spark/good.jar", tmp_path / "spark/bad.jar"
    good.write_bytes(b"as it was locked")
    bad.write_bytes(b"something else")
    lock = tmp_path / "jars.lock"
    digest = jars.digest_of(good)
    names = ("good.jar", "bad.jar", "gone.jar")
    lock.write_text("".join(f"{digest}  spark/{name}\n" for name in names))

    assert jars.wrong(tmp_path, lock) == ["spark/bad.jar", "spark/gone.jar"]


def test_a_probe_tells_whether_somebody_listens() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert not answers(f"tcp:{port}")
        one.listen()
        assert answers(f"tcp:{port}")


def test_a_port_that_a_dead_stack_left_taken_is_known_as_its_own(
    tmp_path: Path,
) -> None:
    script = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); time.sleep(600)"
    )
    env = os.environ | {"BULLION_STACK": str(tmp_path)}
    words = [sys.executable, "-c", script]
    left = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True)
    assert left.stdout
    try:
        port = int(left.stdout.readline())

        assert listening(Place.read({"BULLION_HOME": str(tmp_path)})) == {port}
        assert listening(Place.read({"BULLION_HOME": str(tmp_path / "no")})) == set()
    finally:
        left.kill()
        left.wait()


def test_the_command_is_its_own_clone_s_wherever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack/__init__.py").write_text("raise SystemExit('a stranger')")
    words = [str(REPO / "bullion"), "logs"]

    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)

    assert "a stranger" not in said.stderr
    assert said.returncode == 0


def test_postgres_finds_its_programs_below_a_folder_of_their_owner_only(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)
    program = tmp_path / "initdb"
    program.touch(mode=0o755)
    # initdb asks access(2) for its neighbours, as Python does here.
    script = f"import os; print(os.geteuid(), os.access({str(program)!r}, os.X_OK))"
    said = subprocess.run(
        [*as_postgres(), sys.executable, "-c", script], capture_output=True, text=True
    )
    user, found = said.stdout.split()

    assert user != "0"
    assert found == "True"


def test_a_program_ends_what_its_last_life_left(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    env = os.environ | {
        "BULLION_STACK": str(tmp_path),
        "BULLION_SCRATCH": str(tmp_path / "tmp"),
        "PYTHONPATH": str(REPO),
    }
    waits = [sys.executable, "-m", "stack.when_ready", "one", "--"]
    # The second has left the stack: it does not carry its mark.
    two = "sleep 600 & echo $!; env -u BULLION_STACK sleep 600 & echo $!; wait"
    first = subprocess.Popen(
        [*waits, "sh", "-c", two],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert first.stdout
    orphan, stranger = (int(first.stdout.readline()) for _ in range(2))
    try:
        first.kill()
        first.wait()
        assert is_alive(orphan) and is_alive(stranger)
        subprocess.run(
            [*waits, "true"], env=env, check=True, timeout=60, start_new_session=True
        )

        assert not is_alive(orphan)
        assert is_alive(stranger)
    finally:
        os.kill(stranger, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; nobody may have waited for one that ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_every_program_waits_for_what_it_needs(place: Place) -> None:
    by_name = {program.name: program for program in programs(place)}
    kafka = f"tcp:{place.ports['KAFKA']}"

    assert kafka in by_name["bronze"].needs
    assert any("bootstrapped" in probe for probe in by_name["airflow-scheduler"].needs)


def test_a_setting_that_nobody_reads_is_told_with_a_remedy(tmp_path: Path) -> None:
    wanted = {
        "BULLION_LANE_SECOND": "did you mean BULLION_LANE_SECONDS?",
        "BULLION_NOTHING_LIKE_IT": "take it away",
        "BULLION_WATCH_CLOSE_AFTER": "set BULLION_WATCH_CLOSE_AFTER_S, which counts",
        "BULLION_WATCH_OPEN_AFTER": "set BULLION_WATCH_OPEN_AFTER_S, which counts",
    }
    laptop = Laptop(tmp_path, dict.fromkeys(wanted, "2"))

    said = json.loads(laptop.run("doctor", "--json", check=False))
    told = {e["about"]: e for e in said if e["about"].startswith("BULLION_")}

    assert list(told) == list(wanted)
    for name, remedy in wanted.items():
        assert told[name]["state"] == "warn"
        assert told[name]["remedy"].startswith(remedy)
    # What is in the way keeps `up` from starting anything here.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", laptop.ports["KAFKA"]))
        shown = laptop.run("up", check=False)
    assert "Nothing was started" in shown and "BULLION_LANE_SECOND" in shown


def test_every_setting_that_is_read_is_known() -> None:
    exchange = all_exchanges()[0].upper()
    table, *_ = all_tables()
    read = environment(Place.read({})).keys() | {
        *(f"BULLION_PORT_{name}" for name in PORTS),
        *(f"BULLION_{exchange}_{kind}" for kind in ("WS_URL", "SYMBOLS")),
        f"BULLION_KEEP_{table.address.replace('.', '_').upper()}_DAYS",
    }

    assert list(unknown(dict.fromkeys(read, "1"))) == []
    assert list(unknown({"BULLION_NONE": ""})) == []
