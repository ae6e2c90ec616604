"""What each command does, once its words are understood."""

import argparse
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence

from stack.class_archive import keep
from stack.environments import build_all
from stack.jars import fetch
from stack.place import Place
from stack.profile import profile
from stack.settings import environment
from stack.turn import turn


def up(asked: argparse.Namespace) -> int:
    from stack import doctor, first_rows, lifecycle

    place = Place.read()
    if not doctor.fit(place, asked.spark or profile(place)):
        return 1
    options = {
        name: str(value)
        for name in ("feed", "spark", "exchanges", "speed", "rate")
        if (value := getattr(asked, name)) is not None
    }
    if asked.retime:
        options["retime"] = "yes"
    options = whole_path(options)
    with turn(place):
        build_all(place)
        fetch(place)
        keep(place)
        lifecycle.up(place, options)
    first_rows.tell(place, wait=not asked.no_wait)
    return 0


def whole_path(options: dict[str, str]) -> dict[str, str]:
    """Return the options with the recording's path as it is from everywhere.

    Raises:
        SettingRefused: the feed is none that there is, or its path is missing.
    """
    from pathlib import Path

    from stack.place import SettingRefused

    feed = options.get("feed", "simulated")
    kind, _, path = feed.partition("=")
    if kind not in ("simulated", "recorded", "live") or bool(path) != (
        kind == "recorded"
    ):
        raise SettingRefused(
            f"--feed {feed} is none there is: say simulated, recorded=PATH or live"
        )
    if path:
        folder = Path(path).resolve()
        if not folder.exists():
            raise SettingRefused(
                f"there is nothing at {folder}: --feed recorded=PATH names a folder "
                "with one folder an exchange, or one recorded file"
            )
        options["feed"] = f"recorded={folder}"
    return options


def down(asked: argparse.Namespace) -> int:
    from stack import lifecycle

    place = Place.read()
    with turn(place):
        lifecycle.down(place)
    return 0


def reset(asked: argparse.Namespace) -> int:
    from stack import lifecycle

    place = Place.read()
    with turn(place):
        lifecycle.reset(place, asked.yes)
    return 0


def backup(asked: argparse.Namespace) -> int:
    from stack import recovery

    return recovery.backup(Place.read())


def drill(asked: argparse.Namespace) -> int:
    from stack import recovery

    return recovery.drill(Place.read(), asked.backup)


def restore(asked: argparse.Namespace) -> int:
    from stack import recovery

    place = Place.read()
    with turn(place):
        return recovery.restore(place, asked.backup, asked.yes)


def status(asked: argparse.Namespace) -> int:
    from stack import status

    return status.show(Place.read(), asked.json)


def check(asked: argparse.Namespace) -> int:
    from stack import doctor

    return doctor.show(Place.read(), asked.json)


def logs(asked: argparse.Namespace) -> int:
    from stack import logs

    return logs.show(Place.read(), asked.name, asked.lines, asked.follow)


def sql(asked: argparse.Namespace) -> int:
    return query("sql", *asked.words)


def freshness(asked: argparse.Namespace) -> int:
    minutes = ("--minutes", str(asked.minutes))
    return query("freshness", *minutes, *(["--json"] if asked.json else []))


def completeness(asked: argparse.Namespace) -> int:
    return query("completeness", *(["--json"] if asked.json else []))


def health(asked: argparse.Namespace) -> int:
    return query("health", *(["--json"] if asked.json else []))


def alerts(asked: argparse.Namespace) -> int:
    if asked.test:
        return query("watch", "--test")
    return query("alerts", *(["--json"] if asked.json else []))


def audit(asked: argparse.Namespace) -> int:
    day = ("--day", asked.day) if asked.day else ()
    return query("audit", *day, *(["--json"] if asked.json else []))


def query(*words: str) -> int:
    """Ask the room that reads tables."""
    place = Place.read()
    return inside(place, (str(place.python("airflow")), "-P", "-m", "query", *words))


def cluster_check(asked: argparse.Namespace) -> int:
    place = Place.read()
    words = (str(place.python("spark")), "-P", "-m", "spark_apps.run", "cluster-check")
    return inside(place, words)


def python(asked: argparse.Namespace) -> int:
    place = Place.read()
    return inside(place, (str(place.python("airflow")), *asked.words))


def airflow(asked: argparse.Namespace) -> int:
    place = Place.read()
    return inside(place, (str(place.envs / "airflow/bin/airflow"), *asked.words))


def inside(place: Place, words: Sequence[str]) -> int:
    """Run a program of an environment with the stack's settings."""
    if not place.python("airflow").exists():
        print("nothing is built yet: run ./bullion up first")
        return 1
    # The command is the user's own, and no part of the stack that `down` ends.
    env = {k: v for k, v in environment(place).items() if k != "BULLION_STACK"}
    path = f"{place.envs / 'airflow/bin'}:{os.environ.get('PATH', '')}"
    return subprocess.run(words, env=env | {"PATH": path}, check=False).returncode


def restart(asked: argparse.Namespace) -> int:
    """End programs in order and begin them anew, as after a change of their code."""
    from stack import lifecycle, supervisor
    from stack.place import SettingRefused
    from stack.programs import programs

    place = Place.read()
    known = {program.name: program for program in programs(place)}
    unknown = [name for name in asked.names if name not in known]
    if unknown or not supervisor.is_running(place):
        raise SettingRefused(
            f"no program {', '.join(unknown)}: there are {', '.join(known)}"
            if unknown
            else "nothing is running: ./bullion up starts everything"
        )
    with turn(place):
        for name in asked.names:
            supervisor.stop(place, name)
            lifecycle.bring_up(place, known[name])
            print(f"{name} began anew")
    return 0


def docs(asked: argparse.Namespace) -> int:
    from stack import documents

    place = Place.read()
    with turn(place):
        documents.prepare(place)
    if asked.serve:
        return documents.serve(place, asked.serve)
    return documents.build(place)


def test(asked: argparse.Namespace) -> int:
    from stack import testing

    return testing.run(Place.read(), asked.tier, asked.words)


def bench(asked: argparse.Namespace) -> int:
    from stack.testing import prepare, surroundings

    place = Place.read()
    prepare(place)
    env = BENCHES[asked.what]
    words = [str(place.python(env)), "-P", "-m", f"benchmarks.{asked.what}"]
    words += asked.words
    around = surroundings(place) if env == "spark" else None
    return subprocess.run(words, env=around, check=False).returncode


BENCHES = {
    "laptop": "tools",
    "capture": "tools",
    "commits": "spark",
    "kills": "airflow",
    "soak": "airflow",
    "month": "airflow",
    "lake": "tools",
    "sizing": "tools",
}
"""Each bench, and the environment that it runs in."""
COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "up": up,
    "down": down,
    "reset": reset,
    "backup": backup,
    "drill": drill,
    "restore": restore,
    "status": status,
    "freshness": freshness,
    "completeness": completeness,
    "health": health,
    "alerts": alerts,
    "audit": audit,
    "cluster-check": cluster_check,
    "doctor": check,
    "logs": logs,
    "restart": restart,
    "sql": sql,
    "python": python,
    "airflow": airflow,
    "docs": docs,
    "test": test,
    "bench": bench,
}
