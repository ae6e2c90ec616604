"""Every setting that a program reads stands, with a comment, in `.env.example`."""

import re

from schemas.table import ROOT
from stack.unknown_settings import RENAMED

NAME = re.compile(r"\bBULLION_[A-Z0-9_]*[A-Z0-9]\b")


def named_in_code() -> set[str]:
    return {
        name
        for room in (
            "dags",
            "expectations",
            "ingestion",
            "query",
            "spark_apps",
            "stack",
        )
        for file in (ROOT / room).rglob("*.py")
        for name in NAME.findall(file.read_text())
        if "PORT" not in name or not name.endswith("PORT")
    }


def test_every_setting_is_in_the_example() -> None:
    offered = set(NAME.findall((ROOT / ".env.example").read_text()))

    assert named_in_code()
    # What was one once is named only to say so.
    assert named_in_code() - offered == RENAMED.keys()
