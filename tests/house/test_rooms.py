"""The house is in order: what a room says of a table stands at the table's address."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from schemas.table import ROOT, Layer, Table, all_exchanges, all_tables
from schemas.trade import TRADE_COLUMNS, Trade

ROOMS = (
    *("dags", "expectations", "handbook", "ingestion", "query", "schemas"),
    *("spark_apps", "stack"),
)
ENTRIES = {
    "dags/factory/settings.py",
    "dags/plugins/data_docs_plugin.py",
    "dags/plugins/lakehouse_plugin.py",
    "expectations/data_docs_site.py",
    "expectations/gate.py",
    "ingestion/__main__.py",
    "query/__main__.py",
    "query/reading/environment.py",
    "simulator/__main__.py",
    "spark_apps/warm_python.py",
    "spark_apps/warm_start.py",
    "spark_apps/failpoint.py",
    "spark_apps/recovery/drill/__main__.py",
    "spark_apps/run.py",
}
"""Files that may read the environment; the laptop's own room reads it too."""
HOMELESS = {"base", "common", "config", "core", "helpers", "misc", "utils"}
ABOUT_OTHER_ASSETS = re.compile("|".join(("as" + "x", "equi" + "ties")), re.IGNORECASE)


def modules(*rooms: str) -> Iterator[tuple[str, Path]]:
    for room in rooms:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield str(file.relative_to(ROOT)), file


def address(table: Table) -> str:
    return table.address


def test_there_are_tables_and_exchanges_and_modules_to_speak_of() -> None:
    assert all_tables() and all_exchanges()
    assert all(list(modules(room)) for room in ROOMS)


@pytest.mark.parametrize("table", all_tables(), ids=address)
def test_a_table_lives_at_its_own_address(table: Table) -> None:
    assert (ROOT / "schemas/tables" / table.layer / f"{table.name}.py").exists()


@pytest.mark.parametrize("table", all_tables(), ids=address)
def test_a_table_is_keyed_partitioned_and_sorted_by_columns_it_has(
    table: Table,
) -> None:
    columns = {column.name for column in table.columns}
    partitions = {text.rstrip(")").split("(")[-1] for text in table.partitioned_by}
    assert {*table.key, *partitions, *table.sorted_by} <= columns


@pytest.mark.parametrize("room", ["expectations", "spark_apps"])
def test_nothing_is_said_of_a_table_that_is_not_there(room: str) -> None:
    said = {
        f"{file.parent.name}.{file.stem}"
        for layer in Layer
        for file in (ROOT / room / layer).glob("[a-z]*.py")
    }
    assert said and said <= {table.address for table in all_tables()}


def test_the_record_and_its_columns_have_the_same_fields() -> None:
    assert [field.name for field in fields(Trade)] == [
        column.name for column in TRADE_COLUMNS
    ]


def test_words_need_nothing_but_python() -> None:
    words = [
        *modules("schemas", *(f"expectations/{layer}" for layer in Layer)),
        ("expectations/rule.py", ROOT / "expectations/rule.py"),
    ]
    allowed = sys.stdlib_module_names | {"schemas", "expectations"}
    for path, file in words:
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Import(names=names):
                    roots = {name.name.split(".")[0] for name in names}
                case ast.ImportFrom(module=str(name), level=0):
                    roots = {name.split(".")[0]}
                case _:
                    continue
            assert roots <= allowed, f"{path}: {roots - allowed}"


@pytest.mark.parametrize("exchange", all_exchanges())
def test_an_exchange_is_named_in_its_own_folder_and_nowhere_else(
    exchange: str,
) -> None:
    knowing = {
        path
        for path, file in modules(*ROOMS)
        if exchange in file.read_text().lower()
        and not path.startswith(f"ingestion/exchanges/{exchange}/")
    }
    assert knowing == set()


def test_only_the_entries_look_at_the_environment() -> None:
    lookers = {
        path
        for path, file in modules(*ROOMS)
        for node in ast.walk(ast.parse(file.read_text()))
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"environ", "getenv"}
            or isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & {name.name for name in node.names}
        )
        and not path.startswith("stack/")
    }
    assert lookers and lookers <= ENTRIES


def test_no_module_is_named_for_nobody() -> None:
    assert {path for path, file in modules(*ROOMS) if file.stem in HOMELESS} == set()


def test_every_module_says_in_one_sentence_what_it_is_for() -> None:
    mute = {
        path
        for path, file in modules(*ROOMS, "simulator")
        if file.read_text().strip()
        and not ast.get_docstring(ast.parse(file.read_text()))
    }
    assert mute == set()


def test_nothing_here_is_about_another_asset_class() -> None:
    files = [
        file
        for room in (*ROOMS, "simulator", "docker")
        for file in (ROOT / room).rglob("*")
        if file.suffix in {".py", ".avsc", ".yml", ".yaml", ".cfg", ".sh"}
    ]
    assert files
    assert [file for file in files if ABOUT_OTHER_ASSETS.search(file.read_text())] == []
