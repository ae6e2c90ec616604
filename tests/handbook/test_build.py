"""How the site is built: whatever MkDocs warns of fails it."""

from pathlib import Path

from stack.documents import words
from stack.place import Place


def test_warnings_are_counted_and_fail_the_build(tmp_path: Path) -> None:
    told = words(Place.read({"BULLION_HOME": str(tmp_path)}))

    assert "--strict" in told
    # MkDocs counts what it logs: with --quiet it logs no warning, and all is well.
    assert not {"-q", "--quiet"} & set(told)
    assert str(tmp_path / "site") in told
