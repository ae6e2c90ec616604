"""The committed context is what the suites make, and running it changes no file."""

from pathlib import Path

from expectations.build_gx_context import HERE, write_context
from expectations.silver.trades import rules
from expectations.suites import CANDLES, GOLD, INCREMENT, ROWS, all_suites
from schemas.table import all_exchanges


def files(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.suffix in (".json", ".yml")
    }


def test_the_suites_built_again_are_the_committed_files(tmp_path: Path) -> None:
    # Red: `python -m expectations.build_gx_context`, then commit what it wrote.
    write_context(tmp_path)

    assert files(tmp_path) == files(HERE)


def test_there_is_an_expectation_for_every_rule_of_every_exchange() -> None:
    asked = {each.configuration.kwargs["column"] for each in all_suites()[ROWS]}

    for exchange in all_exchanges():
        assert asked == {rule.error_reason for rule in rules(exchange)}


def test_no_suite_knows_an_exchange() -> None:
    text = "".join(files(HERE).values()).lower()

    assert {ROWS, INCREMENT, GOLD, CANDLES} == set(all_suites())
    assert [name for name in all_exchanges() if name in text] == []
