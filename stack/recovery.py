"""`backup` and `restore`: what Spark's apps do, with the services that they need."""

import json
import subprocess
from collections.abc import Mapping, Sequence

from rich.console import Console

from stack import steps, supervisor
from stack.files import write_all
from stack.lifecycle import bring_up
from stack.place import Place
from stack.processes import belonging, end_leftovers
from stack.profile import SCHEME, checkpoints_now
from stack.programs import postgres, s3
from stack.secrets import kept
from stack.settings import environment
from stack.steps import StepFailed, said

console = Console()
DECLINED = 3
"""How the app ends when the person said no."""


def backup(place: Place) -> int:
    """Take a backup of a stack that runs; return the exit code.

    Raises:
        StepFailed: it was not taken; what there was before is still there.
    """
    if not supervisor.is_running(place):
        raise StepFailed("a backup reads the catalog, which is not up: ./bullion up")
    words = (str(place.python("spark")), "-m", "spark_apps.run", "backup")
    told = json.loads(said(place, words, environment(place)).splitlines()[-1])
    console.print(
        f"{told['checkpoints']} checkpoints and the catalog of {told['tables']} tables "
        f"({told['bytes'] / 1024:.0f} KiB); {len(told['forgotten'])} old backups were "
        "deleted"
    )
    console.print(f"[green]backup[/] {told['backup']}", soft_wrap=True)
    return 0


def drill(place: Place, chosen: str) -> int:
    """Try a backup beside a stack that runs; 1 if a restore from it would fail.

    Raises:
        StepFailed: it could not be tried; the message says why.
    """
    if not supervisor.is_running(place):
        raise StepFailed("a drill restores beside what runs: ./bullion up first")
    words = (str(place.python("airflow")), "-m", "spark_apps.recovery.drill")
    asked = ("--from", chosen) if chosen else ()
    shown, _, last = (
        said(place, (*words, *asked), environment(place)).strip().rpartition("\n")
    )
    console.print(shown, markup=False, highlight=False, soft_wrap=True)
    return 0 if json.loads(last)["verdict"] == "holds" else 1


def restore(place: Place, chosen: str, sure: bool) -> int:
    """Find and mend what is lost of a stack that is down; return the exit code.

    Raises:
        StepFailed: something runs, or cannot be restored; the message says what to do.
    """
    require_down(place)
    if not place.python("spark").exists():
        raise StepFailed("nothing is built yet: run ./bullion up first")
    # They are written on a disk and by one driver; `up` takes them where they belong.
    lie = str(place.home / "checkpoints")
    if not checkpoints_now(place).startswith(SCHEME):
        lie = checkpoints_now(place)
    env = environment(place) | {"BULLION_CHECKPOINTS": lie, "BULLION_SPARK_MASTER": ""}
    write_all(place)
    with console.status("starting the database and the object store"):
        steps.init_postgres(place, env)
        supervisor.start_daemon(place, env)
        for program in (postgres(place), s3(place)):
            bring_up(place, program)
    try:
        gone = {"airflow", "registry"} - databases(place, env)
        steps.databases(place, env)
        steps.bring_checkpoints(place, env, lie)
        steps.spark_conf(place, env)
        code = asked(place, env, chosen, sure)
    finally:
        with console.status("stopping the database and the object store"):
            supervisor.shutdown(place)
            end_leftovers(place)
    if code == DECLINED:
        return 1
    if code:
        raise StepFailed("not everything could be restored: see above what to do")
    # `up` takes these steps again: tables and databases may be other ones by now.
    (place.run / "bootstrapped").unlink(missing_ok=True)
    if "airflow" in gone:
        (place.run / "migrated").unlink(missing_ok=True)
    if "registry" in gone:
        console.print(
            "[yellow]the schema registry's database was lost too:[/] if it was not "
            "loaded above, see docs/runbooks/recovery.md before you go on"
        )
    console.print("[green]restored[/]: go on with ./bullion up")
    return 0


def require_down(place: Place) -> None:
    """Return if nothing of this home runs.

    Raises:
        StepFailed: something does; the message says what to type.
    """
    if supervisor.is_running(place) or belonging(place):
        raise StepFailed(
            "streams that run would write to what is being restored: stop them first "
            "with ./bullion down, then run this again"
        )


def databases(place: Place, env: Mapping[str, str]) -> set[str]:
    """Return the databases that there are."""
    psql = str(place.postgres_bin / "psql")
    where = ("-h", "127.0.0.1", "-p", str(place.ports["POSTGRES"]), "-U", "postgres")
    asked = (psql, *where, "-tAc", "SELECT datname FROM pg_database")
    return set(
        said(place, asked, {**env, "PGPASSWORD": kept(place)["postgres"]}).split()
    )


def asked(place: Place, env: Mapping[str, str], chosen: str, sure: bool) -> int:
    """Run the app, which talks to the person itself; return its exit code."""
    words: Sequence[str] = (
        *(str(place.python("spark")), "-m", "spark_apps.run", "restore"),
        *(("--from", chosen) if chosen else ()),
        *(("--yes",) if sure else ()),
    )
    told = {**env, "SPARK_CONF_DIR": str(place.conf)}
    with (place.logs / "restore.log").open("ab") as log:
        return subprocess.run(words, env=told, stderr=log, check=False).returncode
