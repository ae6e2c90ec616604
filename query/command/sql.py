"""`./bullion sql`: one question, or a prompt, over the tables."""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from query.command.dots import dots
from query.command.files import BINARY, form_of, pour, write
from query.command.plot import chart, picture
from query.command.progress import progress
from query.reading.hints import hints
from query.reading.lake import Lake
from query.reading.refused import QueryRefused
from query.reading.terms import told
from query.settings import Settings
from query.show import FORMATS, answered, show

HELP = ".tables lists what there is, .help the terms, .quit ends; a query ends with ;"


def add_arguments(sql: argparse.ArgumentParser) -> None:
    sql.add_argument(
        "query", nargs="?", help="SQL, .tables or .help; none: a prompt, or stdin"
    )
    sql.add_argument(
        "--format", choices=(*FORMATS, *BINARY), help="a table if not said"
    )
    sql.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there")
    sql.add_argument(
        "--as-of",
        metavar="TIME|SNAPSHOT",
        help="the tables as they were: '2026-11-05 14:00' (UTC), or a snapshot's id",
    )
    sql.add_argument(
        "--plot",
        nargs="?",
        const="",
        metavar="FILE.png",
        help="draw it: in the terminal, or into the file",
    )


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Answer one question, or prompt for many; return 0."""
    plot: str | None = asked.plot
    if plot and asked.query is None and not plot.endswith(".png"):
        # `--plot "SELECT ..."`: what follows is the question.
        asked.query, plot = plot, ""
    if plot is not None and asked.output:
        raise QueryRefused(
            "-o writes the rows and --plot draws them: ask for one of the two "
            "(--plot FILE.png draws into a file)"
        )
    with Lake(settings, as_of=asked.as_of) as lake:
        if asked.query is None and sys.stdin.isatty():
            from query.command.prompt import prompt

            return prompt(lake, asked.as_of)
        text = asked.query if asked.query is not None else sys.stdin.read()
        if not about(lake, text):
            answer(lake, text, asked.format, asked.output, plot)
    return 0


def about(lake: Lake, text: str) -> bool:
    """Say what there is, if that was asked; return whether it was."""
    match text.strip().rstrip(";").split():
        case [".tables"]:
            print("\n".join((*lake.names, *(t.asked for t in lake.terms.values()))))
        case [".help"]:
            print(told(), end="")
        case [word, *_] if word.startswith("."):
            raise QueryRefused(f"no {word}: there are .tables, .help and .quit")
        case _:
            return False
    return True


def answer(
    lake: Lake,
    text: str,
    form: str | None = None,
    output: Path | None = None,
    plot: str | None = None,
) -> None:
    """Write the answer as asked, and on standard error how long it took.

    Raises:
        QueryRefused: it would write, names what is not there, or cannot be drawn.
    """
    errors = Console(stderr=True)
    form = form or (form_of(output) if output else "table")
    shown: tuple[list[str], list[tuple[object, ...]]] | None = None
    began = time.monotonic()
    with progress(lake.engine, errors):
        if output:
            rows = write(lake, text, form, output)
        elif form in BINARY and plot is None:
            rows = pour(lake, text, form, sys.stdout.buffer)
        else:
            shown = lake.read(text, answered)
            rows = len(shown[1])
    took = time.monotonic() - began
    # Once the bar of progress is gone.
    if shown:
        names, found = shown
        if rows and plot:
            picture(chart(names, found), Path(plot))
        elif rows and plot is not None:
            out = Console()
            out.print(dots(chart(names, found), out.width))
        else:
            show(names, found, form, sys.stdout)
    if form == "table" or output or plot is not None:
        print(f"{rows:,} rows in {took:.2f} s", file=sys.stderr)
    if not rows:
        for hint in hints(lake, text):
            print(hint, file=sys.stderr)
