"""The command line of reading: `python -m query sql|status|watch|...`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from query.command.sql import add_arguments
from query.command.sql import run as sql
from query.reading.lake import Lake
from query.settings import Settings
from query.show import show
from query.watch.bars import SettingRefused
from query.watch.book import BookBroken, WatchBusy
from query.why import MENDABLE, why


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./bullion", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sql = commands.add_parser("sql", help="query the tables with DuckDB")
    add_arguments(sql)
    status = commands.add_parser("status", help="rows, freshness, lag, gates")
    status.add_argument("--json", action="store_true")
    kept = commands.add_parser("health", help="how well the tables are kept")
    kept.add_argument("--json", action="store_true")
    proof = commands.add_parser("completeness", help="which trade ids gold lacks")
    proof.add_argument("--json", action="store_true")
    watch = commands.add_parser("watch", help="look once, and tell what has changed")
    watch.add_argument("--test", action="store_true", help="send a test alert instead")
    told = commands.add_parser("alerts", help="what is wrong now, as the watch has it")
    told.add_argument("--json", action="store_true")
    proven = commands.add_parser("audit", help="what the last audit of a day found")
    proven.add_argument("--day", default="", help="such as 2026-11-05; none: the last")
    proven.add_argument("--json", action="store_true")
    fresh = commands.add_parser("freshness", help="percentiles by layer and exchange")
    fresh.add_argument("--minutes", type=float, default=10)
    fresh.add_argument("--json", action="store_true")
    return parser


def main(words: Sequence[str]) -> int:
    """Run one command; what a person can mend becomes a sentence and exit code 1."""
    asked = arguments().parse_args(words)
    try:
        if asked.command in ("watch", "alerts"):
            from query.watch.command import run as watch

            return watch(asked, os.environ)
        return run(asked, Settings.read(os.environ))
    except (SettingRefused, BookBroken, WatchBusy) as refused:
        print(refused, file=sys.stderr)
        return 1
    except MENDABLE as error:
        print(why(error), file=sys.stderr)
        return 1


def run(asked: argparse.Namespace, settings: Settings) -> int:
    if asked.command == "sql":
        return sql(asked, settings)
    from query.freshness import freshness
    from query.status import status
    from query.view import lanes

    if asked.command == "freshness":
        found = freshness(settings, asked.minutes)
        names = list(found[0]) if found else ["exchange"]
        rows = [list(row.values()) for row in found]
        show(names, rows, "json" if asked.json else "table")
        return 0
    if asked.command == "completeness":
        return complete(settings, asked.json)
    if asked.command == "audit":
        return audited(settings, asked.day, asked.json)
    if asked.command == "health":
        return healthy(settings, asked.json)
    told = status(settings)
    if asked.json:
        print(json.dumps(told))
    else:
        Console().print(lanes(told))
    return 0


def complete(settings: Settings, as_json: bool) -> int:
    """Show which trades gold holds and lacks; return 1 if any is missing."""
    from query.completeness import completeness
    from query.completeness_view import page

    with Lake(settings) as lake:
        told = completeness(lake)
    if as_json:
        print(json.dumps(told))
    else:
        Console().print(page(told))
    return 0 if told["complete"] else 1


def audited(settings: Settings, day: str, as_json: bool) -> int:
    """Show the newest audit of a day; return 1 unless its checks hold."""
    from query.audit import audit
    from query.audit_view import page

    with Lake(settings) as lake:
        told = audit(lake, day)
    if as_json:
        print(json.dumps(told))
    else:
        Console().print(page(told))
    return 0 if told["holds"] else 1


def healthy(settings: Settings, as_json: bool) -> int:
    """Show how the tables are kept; return 1 if one of them is not."""
    from query.health import health
    from query.health_view import page

    told = health(settings)
    if as_json:
        print(json.dumps(told))
    else:
        Console().print(page(told))
    return 0 if told["healthy"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
