"""The page of the settings, from `.env.example`, which a test keeps whole."""

import re
from collections.abc import Iterator

from handbook.markdown import table
from schemas.table import ROOT

SECTION = re.compile(r"# --- (?P<title>.+)")
SETTING = re.compile(r"#(?P<name>BULLION_\w+)=(?P<usual>.*?)(?:\s+# (?P<about>.+))?")
HEAD = """\
# Settings

A setting is a variable of the environment, or a line of `.env` in the checkout; the
environment wins. `./bullion up` sets what the laptop's parts need of each other by
itself, so that nothing has to be set at first. After a change: `./bullion down`, then
`./bullion up`.

"""


def page() -> str:
    """Return every setting with its usual value, by the sections of `.env.example`."""
    return HEAD + "".join(lines())


def lines() -> Iterator[str]:
    told: list[tuple[str, str, str]] = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        if section := SECTION.fullmatch(line):
            yield from told_of(told)
            told = []
            title = section["title"]
            yield f"\n## {title[0].upper()}{title[1:]}\n\n"
        elif setting := SETTING.fullmatch(line):
            usual = f"`{setting['usual']}`" if setting["usual"] else ""
            told.append((f"`{setting['name']}`", usual, setting["about"] or ""))
    yield from told_of(told)


def told_of(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if rows:
        yield table(("setting", "usual value", "what it says"), rows)
