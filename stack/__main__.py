"""The command line: `./bullion COMMAND`; each command has a --help."""

import argparse
import os
import sys
from collections.abc import Sequence

from stack.commands import BENCHES, COMMANDS
from stack.environments import NotFetched
from stack.place import SettingRefused
from stack.profile import PROFILES
from stack.steps import StepFailed

PASSED_ON = ("sql", "python", "airflow")
"""Commands whose words all go to another program."""


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="./bullion",
        description="A complete, exact and auditable history of crypto trades.",
        epilog="First time here: ./bullion up",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="build what is missing, start everything")
    up.add_argument(
        "--feed",
        help="simulated (default), recorded=PATH (a folder such as ../shared/data), "
        "or live (the real exchanges); kept for the next `up`",
    )
    up.add_argument(
        "--spark",
        choices=PROFILES,
        help="local (default): each driver works by itself; cluster: a master and two "
        "workers of 4 cores, checkpoints in S3; kept for the next `up`",
    )
    up.add_argument("--exchanges", help="such as acme,ajax; none: the usual ones")
    up.add_argument("--speed", help="of a recording: 1, N or full (default)")
    up.add_argument(
        "--retime", action="store_true", help="move a recording's times to now"
    )
    up.add_argument("--rate", type=float, help="simulated trades/s in all (default 20)")
    up.add_argument(
        "--no-wait", action="store_true", help="do not wait for the first rows in gold"
    )
    commands.add_parser("down", help="stop everything; nothing is lost")
    for name, about in (
        ("status", "lanes, rows, freshness, processes, memory"),
        ("completeness", "which trade ids gold holds, lacks, and had filled"),
        ("health", "how well the tables are kept: files, manifests, snapshots"),
        ("doctor", "check what could keep `up` from working"),
    ):
        told = commands.add_parser(name, help=about)
        told.add_argument("--json", action="store_true", help="for scripts")
    proven = commands.add_parser("audit", help="what the last audit of a day found")
    proven.add_argument("--day", default="", help="such as 2026-11-05; none: the last")
    proven.add_argument("--json", action="store_true", help="for scripts")
    commands.add_parser(
        "cluster-check", help="a test job on Spark: who took part, are all rows there"
    )
    fresh = commands.add_parser(
        "freshness", help="how old trades were when each layer first showed them"
    )
    fresh.add_argument("--minutes", type=float, default=10, help="looked back (10)")
    fresh.add_argument("--json", action="store_true", help="for scripts")
    alerts = commands.add_parser("alerts", help="what is wrong now, and since when")
    alerts.add_argument("--json", action="store_true", help="for scripts")
    alerts.add_argument("--test", action="store_true", help="send a test alert")
    logs = commands.add_parser("logs", help="the log of a program")
    logs.add_argument("name", nargs="?", help="a name from `status`; none lists them")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing")
    logs.add_argument("-n", "--lines", type=int, default=100, help="how many (100)")
    anew = commands.add_parser("restart", help="end a program and begin it anew")
    anew.add_argument("names", nargs="+", help="names from `status`")
    sql = commands.add_parser("sql", help="query the tables with DuckDB")
    sql.add_argument("words", nargs=argparse.REMAINDER, metavar="[QUERY] [OPTIONS]")
    script = commands.add_parser("python", help="a script that reads with query.Lake")
    script.add_argument("words", nargs=argparse.REMAINDER, metavar="[FILE] [WORDS]")
    air = commands.add_parser("airflow", help="Airflow's own command line")
    air.add_argument("words", nargs=argparse.REMAINDER, metavar="WORDS")
    docs = commands.add_parser("docs", help="build the handbook, to be read offline")
    docs.add_argument(
        "--serve",
        nargs="?",
        type=int,
        const=18200,
        metavar="PORT",
        help="show it at this port of the machine (18200), anew after each change",
    )
    test = commands.add_parser("test", help="lint, types, contracts and tests")
    test.add_argument("tier", nargs="?", choices=("fast", "spark", "stack", "cluster"))
    test.add_argument("words", nargs=argparse.REMAINDER, metavar="[PYTEST WORDS]")
    bench = commands.add_parser("bench", help="measure what the README says")
    bench.add_argument("what", choices=BENCHES)
    bench.add_argument("words", nargs=argparse.REMAINDER, metavar="[OPTIONS]")
    commands.add_parser("backup", help="copy the checkpoints and the catalog now")
    drill = commands.add_parser(
        "drill", help="would a restore do? try a backup beside all that runs"
    )
    restore = commands.add_parser(
        "restore", help="after a loss: make checkpoints and catalog whole again"
    )
    for each, named in ((drill, "its name"), (restore, "its name or folder")):
        each.add_argument(
            "--from",
            dest="backup",
            default="",
            metavar="BACKUP",
            help=f"{named}; usually the newest",
        )
    restore.add_argument("--yes", action="store_true", help="do not ask")
    reset = commands.add_parser("reset", help="delete all data (asks first)")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """Return what was asked; an option that another program reads is left to it.

    argparse's REMAINDER takes none that stands first.
    """
    if words and words[0] in PASSED_ON:
        return argparse.Namespace(command=words[0], words=list(words[1:]))
    return arguments().parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run one command; what a person can mend becomes a message and exit code 1."""
    asked = parsed(words)
    try:
        return COMMANDS[asked.command](asked)
    except (NotFetched, SettingRefused, StepFailed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on where it was", file=sys.stderr)
        return 130


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that still wait for a program must not keep the command alive.
    os._exit(code)
