"""`./bullion test`: lint, types, import contracts and the three tiers of tests."""

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from tempfile import mkdtemp

from rich.console import Console
from rich.table import Table

from stack import documents
from stack.class_archive import keep
from stack.environments import build_all
from stack.jars import fetch
from stack.place import REPO, Place
from stack.settings import inherited
from stack.turn import turn

console = Console()
ROOMS = (
    *("dags", "expectations", "handbook", "ingestion", "query", "schemas"),
    *("simulator", "spark_apps", "stack"),
)
IN_SPARK = (
    *("tests/ingestion", "tests/simulator", "tests/schemas", "tests/spark_apps"),
    "tests/benchmarks",
)
IN_AIRFLOW = (
    *("tests/dags", "tests/expectations", "tests/house", "tests/query"),
    *("tests/laptop", "tests/handbook"),
)
FAST = "not spark and not stack and not cluster"
SIDE_BY_SIDE = ("-n", "2", "--dist", "worksteal")
"""Two processes of pytest; a Spark session leaves one of two cores idle for long."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the suite, in the environment that it needs."""

    name: str
    env: str
    words: tuple[str, ...]


def checks() -> list[Step]:
    """Return lint, types and contracts."""
    code = tuple(
        name for name in (*ROOMS, "tests", "benchmarks") if (REPO / name).exists()
    )
    packages = {
        "airflow": ("dags", "expectations", "handbook", "query", "stack"),
        "spark": ("schemas", "ingestion", "simulator", "spark_apps"),
    }
    return [
        Step("black", "airflow", ("black", "--check", "--quiet", *code)),
        Step("isort", "airflow", ("isort", "--check-only", "--quiet", *code)),
        Step("flake8", "airflow", ("flake8", *code)),
        Step("import contracts", "airflow", ("lint-imports", "--no-cache")),
        *(
            Step(
                f"types: {' '.join(names)}",
                env,
                ("mypy", *(word for name in names for word in ("-p", name))),
            )
            for env, names in packages.items()
        ),
    ]


def tests(tier: str, words: Sequence[str]) -> list[Step]:
    """Return the pytest runs of a tier."""

    def pytest(name: str, env: str, mark: str, folders: Sequence[str]) -> Step:
        there = [folder for folder in folders if (REPO / folder).exists()]
        run = ("python", "-m", "pytest", "-p", "no:cacheprovider", "-m", mark)
        # A stack has the whole machine: its tests are one story.
        several = () if mark in ("stack", "cluster") else SIDE_BY_SIDE
        return Step(name, env, (*run, *several, *there, *words))

    match tier:
        case "fast":
            return [
                pytest("fast tests, Spark's environment", "spark", FAST, IN_SPARK),
                pytest(
                    "fast tests, Airflow's environment", "airflow", FAST, IN_AIRFLOW
                ),
            ]
        case "spark":
            return [pytest("spark tests", "spark", "spark", ("tests/spark_apps",))]
        case "cluster":
            return [pytest("cluster tests", "airflow", "cluster", ("tests/stack",))]
        case _:
            return [pytest("stack tests", "airflow", "stack", ("tests/stack",))]


def run(place: Place, tier: str | None, words: Sequence[str]) -> int:
    """Run a tier, or everything; return 0 if all of it passed.

    pytest's own summary of the last tier is the last thing that is printed.
    """
    prepare(place, tier)
    if tier:
        todo = tests(tier, words)
    else:
        todo = [
            *checks(),
            Step("the handbook, strictly", documents.ENV, documents.words(place)),
            *tests("fast", words),
            *tests("spark", words),
            *tests("stack", words),
        ]
    done: list[tuple[Step, bool, float]] = []
    for step in todo:
        if step is todo[-1] and len(todo) > 1:
            console.print(board(done))
        done.append(asked(place, step))
    failed = [step.name for step, passed, _ in done if not passed]
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def prepare(place: Place, tier: str | None = "fast") -> None:
    """Bring environments and jars up to date; nothing is done if they are."""
    with turn(place):
        build_all(place, tests=True)
        fetch(place)
        if not tier:
            documents.prepare(place)
        if tier != "fast":
            keep(place)


def asked(place: Place, step: Step) -> tuple[Step, bool, float]:
    """Run one step, its output shown as it comes."""
    console.rule(f"[bold]{step.name}", align="left", style="cyan")
    began = time.monotonic()
    program = place.envs / step.env / "bin" / step.words[0]
    # Killed drivers, of which the tests have many, leave libraries behind.
    scratch = mkdtemp(prefix="bullion-")
    done = subprocess.run(
        [str(program), *step.words[1:]],
        cwd=REPO,
        env={**surroundings(place), "TMPDIR": scratch},
        check=False,
    )
    took = time.monotonic() - began
    passed = done.returncode == 0
    if passed:
        shutil.rmtree(scratch, ignore_errors=True)
    else:
        console.print(
            f"[dim]the homes, logs and tables of this step are in {scratch}[/]"
        )
    if not step.name.endswith("tests"):
        console.print(
            "[green]ok[/]" if passed else "[bold red]FAILED[/]", f"{took:.0f} s"
        )
    sys.stdout.flush()
    return step, passed, took


def surroundings(place: Place) -> Mapping[str, str]:
    """Return the environment of tests: our Java and jars, and no running stack."""
    return (
        inherited()
        | documents.QUIET
        | {
            "BULLION_JARS": str(place.jars / "spark"),
            "JAVA_HOME": str(place.java),
            "PYSPARK_PYTHON": str(place.python("spark")),
            "PYTHONPATH": str(REPO),
            "TZ": "UTC",
        }
    )


def board(done: Sequence[tuple[Step, bool, float]]) -> Table:
    """Return the table of what has run so far."""
    table = Table(title="so far", title_justify="left", header_style="bold cyan")
    for name in ("step", "result", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for step, passed, took in done:
        result = "[green]passed[/]" if passed else "[bold red]FAILED[/]"
        table.add_row(step.name, result, f"{took:.0f}")
    return table
