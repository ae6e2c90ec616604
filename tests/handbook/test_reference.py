"""The reference leaves nothing out that the code has."""

import re

from expectations.replay import reasons
from handbook import command_line, dags, rules, settings, tables, topics
from schemas.table import ROOT, all_tables
from schemas.topic import ALL_TOPICS
from stack.commands import COMMANDS

SETTING = re.compile(r"^#(BULLION_\w+)=", re.MULTILINE)


def test_every_setting_has_a_line_with_its_usual_value() -> None:
    offered = SETTING.findall((ROOT / ".env.example").read_text())
    page = settings.page()

    assert offered
    assert [name for name in offered if f"| `{name}` |" not in page] == []
    assert "| `BULLION_RETRY_FIRST_S` | `5` | first wait" in page


def test_every_table_has_a_part_with_all_of_its_columns() -> None:
    _, *parts = tables.page().split("\n## ")

    assert len(parts) == len(all_tables())
    for table, part in zip(all_tables(), parts, strict=True):
        assert part.startswith(
            table.stored_as.replace("{exchange}", "&lt;exchange&gt;")
        )
        for column in table.columns:
            assert f"| `{column.name}` | `{column.type}` |" in part


def test_every_topic_has_the_fields_of_its_values() -> None:
    page = topics.page()

    for topic in ALL_TOPICS:
        assert f"`{topic.name('<exchange>')}`" in page
    assert "| `price` | `bytes, decimal(38, 18)` | Quote units" in page
    assert "| `side` | `enum of BUY, SELL` |" in page


def test_every_command_is_shown_as_its_own_help_shows_it() -> None:
    page = command_line.page()

    assert [name for name in COMMANDS if f"\n## {name}\n" not in page] == []
    assert "usage: ./bullion logs [-h] [-f] [-n LINES] [name]" in page


def test_every_reason_of_silver_has_what_it_means() -> None:
    page = rules.page()

    assert [reason for reason in reasons() if f"| `{reason}` |" not in page] == []


def test_every_file_that_makes_a_dag_is_read() -> None:
    told = {dag.dag_id: dag for dag in dags.all_dags()}

    assert {"lane__<exchange>", "backfill__<exchange>", "upkeep", "watch"} <= set(told)
    assert all(
        dag.description and "### What this is" in dag.notes for dag in told.values()
    )
    assert "ACME" not in dags.page()
