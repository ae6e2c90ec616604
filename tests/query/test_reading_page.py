"""Every example of docs/reading.md runs, and says what the page says it does."""

import re
import shlex
import sys
from pathlib import Path

import pytest

import query.reading.environment
import query.reading.lake
from query import QueryRefused
from query.__main__ import arguments
from query.command.sql import run
from query.reading.terms import all_terms
from query.settings import Settings
from schemas.table import ROOT
from tests.query.market_days import ONE, TWO, commit, gold_rows, market
from tests.query.test_terms import settings_of

PAGE = (ROOT / "docs/reading.md").read_text()
COMMANDS = [
    words
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for words in re.split(r"\n(?=\./bullion)", block.strip())
]
SCRIPTS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("lake")
    commit(market(folder), [*gold_rows(ONE, 0, 30), *gold_rows(TWO, 0, 30)])
    return settings_of(folder)


def test_there_are_examples() -> None:
    assert len(COMMANDS) > 10
    assert len(SCRIPTS) > 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_answers(
    command: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Files are written where one stands.
    monkeypatch.chdir(tmp_path)
    bullion, sql, *words = shlex.split(command)
    assert (bullion, sql) == ("./bullion", "sql")
    run(arguments().parse_args(["sql", *words]), settings)
    out, err = capsys.readouterr()
    files = [file.name for file in tmp_path.iterdir()]

    assert out or files
    assert not err.startswith("0 rows")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_of_the_page_runs(
    script: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in (query.reading.lake, query.reading.environment):
        monkeypatch.setattr(module, "settings_here", lambda: settings)
    exec(compile(script, "docs/reading.md", "exec"), {})

    said = capsys.readouterr().out
    assert said.startswith(("60 83", "3\n"))


def test_every_term_is_on_the_page() -> None:
    for term in all_terms():
        assert f"| `{term.asked}` |" in PAGE


def test_a_script_outside_of_the_stack_is_told_how_to_be_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BULLION_CATALOG_USER", raising=False)

    with pytest.raises(QueryRefused, match=r"\./bullion python FILE"):
        query.reading.lake.Lake()


def test_a_library_that_is_absent_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules is how Python itself says that there is no such module.
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with (
        query.reading.lake.Lake(settings) as lake,
        pytest.raises(QueryRefused, match="pip install polars"),
    ):
        lake.polars("SELECT 1 AS one")
    picture = ["sql", "SELECT 1 AS x, 2 AS y", "--plot", "x.png"]
    with pytest.raises(QueryRefused, match="pip install matplotlib"):
        run(arguments().parse_args(picture), settings)
