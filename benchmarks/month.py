"""A month of Airflow's history: does it slow people or lanes, and what is let go?

    ./bullion bench month [--days 30] [--log-days 3] [--results 5700] [--rate 20]

A stack of its own, on free ports, with the simulated feed. Once its lanes have run,
pages and lanes are timed. Then the last run of each lane is written again for each half
minute of the days before, into the stack's own Airflow database; so are the notes of
their gates, a day of validation results that nobody has pruned, and some days of task
logs that are due to go. Pages and lanes are timed again, `data_docs` and `housekeeping`
run, and what is left is measured. The last line is all of it as JSON; the exit code is
1 if one of the two DAGs did not succeed.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from benchmarks import month_history as history
from benchmarks.month_figures import answers, lanes, sizes, triggered
from benchmarks.own_stack import own_stack
from dags.factory.settings import airflow_kept_for
from query.airflow_api import Airflow
from tests.stack.laptop import Laptop, eventually

PATIENCE = timedelta(minutes=40)
Figures = Mapping[str, str]


def main(words: list[str]) -> int:
    """Run the bench."""
    asked = options(words)
    with own_stack(asked) as laptop:
        found = measured(laptop, asked)
    print(table(found))
    print(json.dumps(found))
    done = found["with it, cleaned"]
    return 0 if all(done[name].startswith("success") for name in CLEANERS) else 1


CLEANERS = ("data_docs", "housekeeping")


def options(words: list[str]) -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--log-days", type=float, default=3)
    parser.add_argument("--results", type=int, default=5700)
    parser.add_argument("--seconds", type=float, default=90, help="of each watching")
    parser.add_argument("--rate", type=int, default=20, help="trades/s")
    parser.add_argument("--exchanges", default="", help="the usual ones if not given")
    parser.add_argument("--home", type=Path, help="kept afterwards")
    return parser.parse_args(words)


def measured(laptop: Laptop, asked: Namespace) -> dict[str, Figures]:
    """Return the figures before, with the history, and after it was cleaned."""
    eventually(lambda: has_run(laptop), "each lane has run to its end", within=600)
    found: dict[str, Figures] = {}

    def take(name: str, more: Figures) -> None:
        told = {**answers(laptop), **lanes(laptop, asked.seconds), **sizes(laptop)}
        found[name] = {**told, **more}
        print(name, json.dumps(found[name], indent=1), flush=True)

    take("before", {})
    print("rows:", history.shape(history.write_runs(laptop, asked.days)), flush=True)
    print("gates:", history.write_gates(laptop, asked.days), flush=True)
    print("results:", history.write_results(laptop, asked.results), flush=True)
    age = airflow_kept_for() + timedelta(days=1)
    print("logs:", history.write_logs(laptop, asked.log_days, age), flush=True)
    take(f"with {asked.days:g} days", {})
    took = {name: triggered(laptop, name, PATIENCE) for name in CLEANERS}
    take("with it, cleaned", took)
    return found


def has_run(laptop: Laptop) -> bool:
    """Return whether each lane has a run in which each of its tasks succeeded."""
    try:
        with history.database(laptop) as asked:
            for exchange in Airflow(laptop.settings).exchanges:
                history.model_run(asked, f"lane__{exchange}")
    except AssertionError as not_yet:
        print(not_yet)
        return False
    return True


def table(found: Mapping[str, Figures]) -> str:
    """Return the figures side by side, as Markdown."""
    names = {name: None for told in found.values() for name in told}
    lines = [f"| | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    lines += [
        f"| {name} | {' | '.join(told.get(name, '') for told in found.values())} |"
        for name in names
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
