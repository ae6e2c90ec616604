"""What the processes of this bench tell each other: lines of JSON, and few words."""

import json
from argparse import ArgumentParser
from pathlib import Path

CHUNK = 10_000
"""Trades after which frames repeat, but for their ids; whole chunks are sent."""


def say(**words: object) -> None:
    """Tell the process that measures."""
    print(json.dumps(words), flush=True)


def reader_arguments(about: str | None) -> ArgumentParser:
    """Return the parser of what a process is told that reads in place of capture."""
    parser = ArgumentParser(description=about)
    parser.add_argument("exchange")
    parser.add_argument("--at", required=True, help="the sender's address")
    parser.add_argument("--count", type=int, required=True, help="trades")
    parser.add_argument("--notes", type=Path, help="file for when each was read")
    return parser
