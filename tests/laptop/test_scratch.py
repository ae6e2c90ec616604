"""Where programs leave what nobody needs after them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack import files
from stack.place import REPO, Place, SettingRefused

LONGEST = "airflow-dag-processor/pymp-12345678/listener-12345678"
"""What Python's multiprocessing adds; the kernel takes 107 bytes for a socket."""


@pytest.mark.parametrize("folder", ["home", "a-home-of-a-very-long-name" * 4])
def test_a_socket_below_a_program_s_scratch_has_room(
    tmp_path: Path, folder: str
) -> None:
    place = Place.read({"BULLION_HOME": str(tmp_path / folder)})

    assert len(str(place.scratch / LONGEST)) <= 107
    assert len(str(place.socket("supervisor"))) <= 107


def test_a_short_home_keeps_its_scratch_to_itself() -> None:
    place = Place.read({"BULLION_HOME": "/srv/lake"})

    assert place.scratch == Path("/srv/lake/run/tmp")


def test_a_program_finds_its_scratch_empty_and_java_uses_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    left = tmp_path / "tmp/one/left-by-a-killed-life.so"
    left.parent.mkdir(parents=True)
    left.touch()
    other = tmp_path / "tmp/two/of-another-program"
    other.parent.mkdir()
    other.touch()

    told = subprocess.run(
        (sys.executable, "-m", "stack.when_ready", "one", "--", "env"),
        env=os.environ
        | {"BULLION_STACK": str(tmp_path), "BULLION_SCRATCH": str(tmp_path / "tmp")},
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    own = tmp_path / "tmp/one"
    assert {f"TMPDIR={own}", f"SPARK_LOCAL_DIRS={own}"} <= set(told)
    assert not left.exists() and list(own.iterdir()) == []
    assert other.exists()


def test_a_folder_of_sockets_that_somebody_else_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place.read({"BULLION_HOME": str(tmp_path / ("long" * 20))})
    shared, mine = tmp_path / "shared", tmp_path / "elsewhere"
    shared.mkdir()
    mine.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    place.sockets.symlink_to(mine)

    with pytest.raises(SettingRefused, match="belongs to somebody else"):
        files.write_all(place)
