"""The page of the command line, from the parser that reads it."""

import argparse
from collections.abc import Iterator
from functools import partial

from stack.__main__ import arguments

HEAD = """\
# Command line

Each command is what `./bullion COMMAND --help` prints. What a person can mend ends with
a sentence and exit code 1.

"""
WIDTH = 88


def page() -> str:
    """Return the help of every command."""
    parser = arguments()
    return HEAD + block(parser) + "".join(parts(parser))


def parts(parser: argparse.ArgumentParser) -> Iterator[str]:
    for name, command in commands(parser).items():
        yield f"\n## {name}\n\n{block(command)}"


def commands(
    parser: argparse.ArgumentParser,
) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command, by its name."""
    return {
        name: command
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, command in action.choices.items()
    }


def block(parser: argparse.ArgumentParser) -> str:
    # As wide as the page, however wide the terminal is in which it is built.
    parser.formatter_class = partial(argparse.HelpFormatter, width=WIDTH)
    return f"```text\n{parser.format_help()}```\n"
