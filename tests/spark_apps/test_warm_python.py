"""A warm Python does what a cold one would, and dies with whoever started it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from schemas.table import ROOT
from stack.programs.spark import ALONE

SERVER = """
import sys
from pathlib import Path
from spark_apps.warm_python import preload, serve
preload(["ahead"])
serve(Path(sys.argv[1]))
"""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is short enough for a socket in it."""
    return tmp_path_factory.mktemp("w")


@pytest.fixture
def warm(folder: Path) -> Iterator[Path]:
    """The socket of a warm Python that has `colorsys`, and nothing of ours."""
    path = folder / "python"
    (folder / "ahead.py").write_text("import colorsys")
    env = os.environ | {"PYTHONPATH": f"{ROOT}:{folder}"}
    words = [sys.executable, "-c", SERVER, str(path)]
    process = subprocess.Popen(words, env=env, cwd=folder)
    try:
        given_up = time.monotonic() + 30
        while not path.exists():
            assert process.poll() is None and time.monotonic() < given_up
            time.sleep(0.05)
        yield path
    finally:
        process.kill()
        process.wait()


def start(path: Path, *words: str) -> list[str]:
    starter = str(ROOT / "spark_apps/warm_start.py")
    return [sys.executable, "-IS", starter, sys.executable, str(path), *words]


def asked(
    words: Sequence[str], folder: Path, code: str, said: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a module `program` of that code."""
    (folder / "program.py").write_text(textwrap.dedent(code))
    env = {"PYTHONPATH": str(folder), "TOLD": "yes", "PATH": os.environ["PATH"]}
    return subprocess.run(
        words, env=env, cwd=folder, input=said, capture_output=True, text=True
    )


CODE = """
    import os, sys
    print(sys.argv[1:], os.environ["TOLD"], len(os.environ) > 9, os.getcwd())
    print(sys.stdin.read(), "colorsys" in sys.modules, __name__, file=sys.stderr)
    sys.exit(7)
"""


def test_arguments_environment_files_and_exit_code_are_those_of_the_starter(
    warm: Path, folder: Path
) -> None:
    done = asked(start(warm, "-m", "program", "one"), folder, CODE, "a line")

    assert done.returncode == 7
    assert done.stdout == f"['one'] yes False {folder}\n"
    assert done.stderr == "a line True __main__\n"


def test_without_a_warm_python_a_cold_one_does_it(folder: Path) -> None:
    done = asked(start(folder / "nobody", "-m", "program"), folder, CODE, "a line")

    assert (done.returncode, done.stderr) == (7, "a line False __main__\n")


def test_a_failure_is_told_as_python_tells_it(warm: Path, folder: Path) -> None:
    words = start(warm, "-m", "program")

    done = asked(words, folder, "raise LookupError('nothing there')")

    assert done.returncode == 1
    assert done.stderr.endswith("LookupError: nothing there\n")


def test_todays_code_is_run(warm: Path, folder: Path) -> None:
    words = start(warm, "-m", "program")

    assert asked(words, folder, "print('first')").stdout == "first\n"
    assert asked(words, folder, "print('second one')").stdout == "second one\n"


def test_a_helper_whose_starter_is_killed_ends_too(warm: Path, folder: Path) -> None:
    (folder / "program.py").write_text(
        "import os, time\n"
        "print(os.getpid(), os.environ['WARM_STARTER_PID'], flush=True)\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen(
        start(warm, "-m", "program"),
        env={"PYTHONPATH": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    helper, told = map(int, starter.stdout.readline().split())
    assert told == starter.pid

    starter.send_signal(signal.SIGKILL)
    starter.wait()

    given_up = time.monotonic() + 10
    while Path(f"/proc/{helper}").exists():
        assert time.monotonic() < given_up, "the helper lives on"
        time.sleep(0.05)


def test_what_a_helper_needs_can_be_imported_beforehand_without_threads() -> None:
    code = (
        "import os; from spark_apps.warm_python import HELPER, preload; "
        "preload([HELPER]); print(len(os.listdir('/proc/self/task')))"
    )
    env = os.environ | ALONE

    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True
    )

    assert done.stdout == "1\n", done.stderr
