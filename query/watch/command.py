"""`python -m query watch` and `alerts`: one look, a test alert, or what is open."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from query.settings import Settings
from query.watch.book import Book
from query.watch.notices import trial


def run(asked: argparse.Namespace, env: Mapping[str, str]) -> int:
    """Run one of the two commands; return 1 if a person has to act."""
    if asked.command == "alerts":
        return show(Path(env["BULLION_ALERTS"]), asked.json)
    return test(env) if asked.test else look_once(env)


def look_once(env: Mapping[str, str]) -> int:
    """Look once; print what was found, and a line of JSON for Airflow.

    What is wrong with the lake is told to people, and no failure of the look. Returns 1
    where it could not look, or could not tell.
    """
    from query.status import now
    from query.watch.look import Watch, look, watched

    watch, settings = Watch.read(env), Settings.read(env)
    report = look(watch, lambda: watched(settings), now())
    for line in report["found"]:
        print(line)
    for title in report["told"]:
        print(f"told: {title}")
    for each in report["undelivered"]:
        print(
            f"{each['notices']} alerts wait for {each['notifier']}: {each['error']}; "
            "they are sent again with the next look"
        )
    if report["heartbeat"]:
        print(f"heartbeat: {report['heartbeat']}")
    # Airflow takes the last line for its report.
    print(json.dumps(report), flush=True)
    return 1 if report["blind"] or report["undelivered"] else 0


def test(env: Mapping[str, str]) -> int:
    """Send a test alert to each notifier, now; return 1 if one did not take it."""
    from query.status import now
    from query.watch.look import Watch, sent

    watch = Watch.read(env)
    notice = trial(now(), watch.lake, watch.link)
    answers = {each.name: sent(each, notice, watch) for each in watch.notifiers}
    for name, why in answers.items():
        print(f"{name}: {why or 'took the test alert'}")
    print(json.dumps({"test": answers}), flush=True)
    return 1 if any(answers.values()) else 0


def show(folder: Path, as_json: bool) -> int:
    """Show what is open, also while nothing else answers; return 1 if anything is."""
    from query.watch.view import incidents

    told = Book.read(folder).told()
    if as_json:
        print(json.dumps(told))
    else:
        Console(file=sys.stdout).print(incidents(told))
    return 1 if told["incidents"] else 0
