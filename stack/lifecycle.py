"""`up`, `down` and `reset`: the whole laptop, in the order in which things depend."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table

from stack import profile, steps, supervisor
from stack.files import write_all
from stack.place import Place
from stack.processes import end_leftovers
from stack.programs import Program, programs
from stack.settings import environment, exchanges, feed
from stack.steps import StepFailed
from stack.when_ready import answers

PATIENCE = 240
"""Seconds after which a program that does not answer is given up and shown."""
console = Console()


@dataclass(slots=True)
class Task:
    """One line of what `up` does: a step or a program, after others."""

    name: str
    after: tuple[str, ...]
    act: Callable[[], None]
    state: str = "waits"
    began: float = 0.0
    took: float = 0.0


def up(place: Place, options: Mapping[str, str]) -> None:
    """Start everything and return once it works.

    Raises:
        StepFailed: something did not come up; its name and last words are in it.
    """
    asked = options.get("spark", profile.profile(place))
    lie, wanted = profile.checkpoints_now(place), profile.checkpoints(place)
    moves = asked != profile.profile(place) or lie != wanted
    if moves and supervisor.is_running(place):
        # Nobody may write to checkpoints while they are brought elsewhere.
        down(place)
    remember(place, {k: v for k, v in options.items() if k != "spark"})
    profile.remember(place, asked)
    env = environment(place)
    write_all(place)
    began = time.monotonic()
    if supervisor.is_running(place):
        supervisor.reread(place)
    else:
        with console.status("preparing the database and the supervisor"):
            end_leftovers(place)
            steps.init_postgres(place, env)
            steps.forget_cluster(place)
            supervisor.start_daemon(place, env)
    run_all(tasks(place, env))
    console.print(f"[green]everything is up[/] after {time.monotonic() - began:.0f} s")


def remember(place: Place, options: Mapping[str, str]) -> None:
    """Keep the feed for `up` without options and for the supervisor's restarts."""
    file = place.home / "feed.json"
    place.home.mkdir(parents=True, exist_ok=True)
    if "feed" in options:
        file.write_text(json.dumps(dict(options)))
    elif options or not file.exists():
        file.write_text(json.dumps({**feed(place), **options}))


def tasks(place: Place, env: Mapping[str, str]) -> list[Task]:
    """Return all that must be done, each with what it waits for."""
    by_name = {program.name: program for program in programs(place)}

    def program(name: str, *after: str) -> Task:
        return Task(name, after, lambda: bring_up(place, by_name[name]))

    def step(
        name: str, act: Callable[[Place, Mapping[str, str]], None], *after: str
    ) -> Task:
        return Task(name, after, lambda: act(place, env))

    bronze = [name for name in by_name if name.startswith("bronze")]
    workers = [name for name in by_name if name.startswith("spark-worker")]
    captures = [f"capture-{exchange}" for exchange in exchanges(place)]
    return [
        program("postgres"),
        program("s3"),
        step("kafka format", steps.format_kafka),
        program("kafka", "kafka format"),
        *([program("simulator")] if "simulator" in by_name else []),
        step("databases", steps.databases, "postgres"),
        step("spark settings", steps.spark_conf),
        step("checkpoints", steps.move_checkpoints, "s3"),
        *([program("spark-master")] if workers else []),
        *(program(name, "spark-master") for name in workers),
        program("spark-python"),
        program(
            "spark-connect",
            *("databases", "s3", "spark settings", "checkpoints", *workers),
        ),
        program("registry", "databases"),
        step("topics", steps.topics, "kafka"),
        step("airflow database", steps.migrate_airflow, "databases"),
        program("airflow-api-server", "airflow database"),
        step("schemas", steps.schemas, "registry", "topics"),
        step("tables", steps.bootstrap, "spark-connect", "s3"),
        *(program(name, "tables", "topics") for name in bronze),
        *(program(name, "schemas") for name in captures),
        program("airflow-dag-processor", "airflow-api-server"),
        program("airflow-triggerer", "airflow-api-server"),
        program("airflow-scheduler", "airflow-api-server", "tables"),
    ]


def bring_up(place: Place, program: Program) -> None:
    """Start a program and return once it answers.

    Raises:
        StepFailed: it does not answer; the message shows the end of its log.
    """
    supervisor.start(place, program.name)
    given_up = time.monotonic() + PATIENCE
    while not (answers(program.ready) and runs(place, program.name)):
        if time.monotonic() > given_up:
            log = place.logs / f"{program.name}.log"
            last = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise StepFailed(
                f"{program.name} does not answer ({program.ready}). Its log ends:\n"
                f"{last}\nSee more with ./bullion logs {program.name}, then try again."
            )
        time.sleep(0.3)


def runs(place: Place, name: str) -> bool:
    return supervisor.states(place).get(name, {}).get("statename") == "RUNNING"


def run_all(todo: list[Task]) -> None:
    """Run the tasks, each as soon as what it waits for is done, and show them.

    Raises:
        StepFailed: one failed; what waited for it was not begun.
    """
    failed: list[BaseException] = []
    done = {task.name: threading.Event() for task in todo}

    def work(task: Task) -> None:
        for name in task.after:
            done[name].wait()
        if failed:
            return
        task.state, task.began = "runs", time.monotonic()
        try:
            task.act()
            task.state = "ready"
        except BaseException as error:  # shown and raised again by the caller
            failed.append(error)
            task.state = "failed"
            for event in done.values():
                event.set()
        finally:
            task.took = time.monotonic() - task.began
            done[task.name].set()

    threads = [
        threading.Thread(target=work, args=(task,), daemon=True) for task in todo
    ]
    for thread in threads:
        thread.start()
    with Live(board(todo), console=console, refresh_per_second=4) as live:
        while any(thread.is_alive() for thread in threads) and not failed:
            time.sleep(0.25)
            live.update(board(todo))
        live.update(board(todo))
    if failed:
        raise failed[0]


COLOURS = {"waits": "dim", "runs": "yellow", "ready": "green", "failed": "red"}


def board(todo: list[Task]) -> Table:
    """Return the table of what is being done."""
    table = Table(box=None, padding=(0, 2), show_header=False)
    for task in todo:
        now = time.monotonic() - task.began if task.state == "runs" else task.took
        seconds = f"{now:.1f} s" if task.state != "waits" else ""
        colour = COLOURS[task.state]
        table.add_row(f"[{colour}]{task.state}[/]", task.name, f"[dim]{seconds}[/]")
    return table


def down(place: Place) -> None:
    """Stop everything that belongs to this home; return when nothing is left."""
    with console.status("stopping, Airflow and the streams first"):
        if supervisor.is_running(place):
            for program in reversed(programs(place)):
                if program.name in supervisor.states(place):
                    supervisor.stop(place, program.name)
            supervisor.shutdown(place)
        end_leftovers(place)
    supervisor.socket_path(place).unlink(missing_ok=True)
    for program in programs(place):
        shutil.rmtree(place.scratch / program.name, ignore_errors=True)
    console.print("[green]down[/]: no process of this home is left")


def reset(place: Place, sure: bool) -> None:
    """Delete every row, topic, log and secret; keep environments and jars."""
    if not sure:
        console.print(f"This deletes all trades and settings below {place.home}.")
        if console.input("Type [b]yes[/] to go on: ").strip() != "yes":
            console.print("nothing was deleted")
            return
    down(place)
    doomed = [path for path in place.home.glob("*") if path.name not in KEPT]
    for path in doomed:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    console.print("[green]reset[/]: ./bullion up begins anew")


KEPT = {"envs", "jars", "java", "command.lock"}
