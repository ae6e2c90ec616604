"""The prompt of `./bullion sql`: questions one after the other, remembered."""

import sys
from pathlib import Path

from query.command.sql import HELP, about, answer
from query.reading.lake import Lake
from query.reading.refused import QueryRefused


def prompt(lake: Lake, as_of: str | None) -> int:
    """Answer queries until the user has none left."""
    import readline

    file = history_file()
    if file.exists():
        readline.read_history_file(file)
    print(HELP)
    text = ""
    while True:
        try:
            line = input("bullion> " if not text else "      -> ")
        except EOFError:
            break
        except KeyboardInterrupt:
            text = ""
            print()
            continue
        if line.strip() in (".quit", ".exit"):
            break
        text = f"{text}\n{line}".strip()
        if text.endswith(";") or text.startswith("."):
            # Each query sees the snapshots that are current when it is asked.
            with Lake(lake.settings, lake.catalog, as_of=as_of) as now:
                try:
                    if not about(now, text):
                        answer(now, text)
                except QueryRefused as refused:
                    print(refused, file=sys.stderr)
            text = ""
    readline.write_history_file(file)
    return 0


def history_file() -> Path:
    """Return where the prompt remembers what was asked."""
    return Path.home() / ".bullion_sql_history"
