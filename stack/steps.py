"""What must have happened before the programs can work; each step may be repeated."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from schemas.table import ROOT
from stack.place import REPO, Place
from stack.profile import checkpoints, checkpoints_now
from stack.programs import as_postgres, java
from stack.secrets import kept
from stack.settings import exchanges


class StepFailed(Exception):
    """A step that did not succeed; the message shows what was said and what to do."""


def said(
    place: Place,
    words: Sequence[str],
    env: Mapping[str, str],
    folder: Path = REPO,
    stdin: str = "",
) -> str:
    """Return what a command printed.

    Raises:
        StepFailed: it ended with an error; its last lines are in the message.
    """
    done = subprocess.run(
        list(words),
        env=dict(env),
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        shown = " ".join(Path(word).name for word in words[:6])
        raise StepFailed(f"{shown} ended with {done.returncode}:\n{last}")
    return done.stdout


def stamped(place: Place, name: str, value: str) -> bool:
    """Return whether the step of that name was done for that value."""
    file = place.run / name
    return file.exists() and file.read_text() == value


def stamp(place: Place, name: str, value: str) -> None:
    (place.run / name).write_text(value)


ABANDONED = "30s"
"""After so long the catalog's database ends a connection that nobody uses.

Each query of a stream has a session of its own, and each session a catalog of its own,
which nobody closes: its connection would stay until Java collects garbage, and lanes of
an hour would take all that there are.
"""


def fingerprint(*parts: str | Path) -> str:
    """Return a name for exactly these texts and files."""
    found = sha256()
    for part in parts:
        if isinstance(part, str):
            found.update(part.encode())
            continue
        files = sorted(part.rglob("*.py")) if part.is_dir() else [part]
        for file in files:
            found.update(file.read_bytes())
    return found.hexdigest()


def init_postgres(place: Place, env: Mapping[str, str]) -> None:
    """Create the database cluster, owned by whoever may run it."""
    folder = place.data / "postgres"
    if (folder / "PG_VERSION").exists() and (folder / "ready").exists():
        # After a reboot its number may be another program's, and PostgreSQL would wait
        # for that one for ever. No process of this home is left when we are asked.
        (folder / "postmaster.pid").unlink(missing_ok=True)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    password = place.run / "postgres.password"
    password.write_text(kept(place)["postgres"])
    password.chmod(0o600)
    if as_postgres():
        for path in (folder, password):
            shutil.chown(path, "nobody", "nogroup")
    auth = ("--auth=scram-sha-256", "-U", "postgres", f"--pwfile={password}")
    initdb = str(place.postgres_bin / "initdb")
    where = ("-D", str(folder), "--encoding=UTF8", "--locale=C", "--no-sync")
    said(place, (*as_postgres(), initdb, *where, *auth), env, folder=place.data)
    password.unlink()
    (folder / "ready").touch()


def databases(place: Place, env: Mapping[str, str]) -> None:
    """Create a role and a database of its own for each program that keeps rows."""
    secret = kept(place)
    lines = []
    for name in ("airflow", "catalog", "registry"):
        role = f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'"
        base = f"SELECT 1 FROM pg_database WHERE datname = '{name}'"
        lines += [
            f"SELECT 'CREATE ROLE {name} LOGIN' WHERE NOT EXISTS ({role}) \\gexec",
            f"ALTER ROLE {name} PASSWORD '{secret[name]}';",
            f"SELECT 'CREATE DATABASE {name} OWNER {name}' "
            f"WHERE NOT EXISTS ({base}) \\gexec",
        ]
    lines.append(f"ALTER ROLE catalog SET idle_session_timeout = '{ABANDONED}';")
    # A drill loads its backup into a database beside the catalog.
    lines.append("ALTER ROLE catalog CREATEDB;")
    psql = str(place.postgres_bin / "psql")
    where = ("-h", "127.0.0.1", "-p", str(place.ports["POSTGRES"]), "-U", "postgres")
    said(
        place,
        (psql, *where, "-v", "ON_ERROR_STOP=1", "-q"),
        {**env, "PGPASSWORD": secret["postgres"]},
        stdin="\n".join(lines),
    )


def format_kafka(place: Place, env: Mapping[str, str]) -> None:
    """Give the broker's folder its cluster id, once."""
    if (place.data / "kafka/meta.properties").exists():
        return
    tool = (*java(place, "128m"), "-cp", f"{place.jars / 'kafka'}/*")
    said(
        place,
        (
            *tool,
            "kafka.tools.StorageTool",
            *("format", "-t", uuid.uuid4().hex[:22], "--standalone"),
            *("-c", str(place.conf / "kafka.properties")),
        ),
        env,
    )


def topics(place: Place, env: Mapping[str, str]) -> None:
    said(place, (str(place.python("spark")), "-m", "ingestion", "topics"), env)


def schemas(place: Place, env: Mapping[str, str]) -> None:
    said(place, (str(place.python("spark")), "-m", "ingestion", "schemas"), env)
    stamp(place, "schemas", "registered")


def spark_conf(place: Place, env: Mapping[str, str]) -> None:
    words = (str(place.python("spark")), "-m", "spark_apps.run", "conf")
    text = said(place, words, env)
    file = place.conf / "spark-defaults.conf"
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
    ) as f:
        f.write(text)


def forget_cluster(place: Place) -> None:
    """Remove what a master noted of workers and applications that are no more.

    It would wait for them before it gave anybody work.
    """
    shutil.rmtree(place.data / "spark/master", ignore_errors=True)


def move_checkpoints(place: Place, env: Mapping[str, str]) -> None:
    """Bring the streams' notes to where the profile has them, if they are elsewhere."""
    bring_checkpoints(place, env, checkpoints(place))


def bring_checkpoints(place: Place, env: Mapping[str, str], wanted: str) -> None:
    """Bring the streams' notes to a folder or `s3a://` URL, if they are elsewhere."""
    now = checkpoints_now(place)
    if now != wanted:
        mark = str(place.home / "checkpoints.at")
        words = ("-m", "spark_apps.run", "move-checkpoints", now, wanted, mark)
        said(place, (str(place.python("spark")), *words), env)


def bootstrap(place: Place, env: Mapping[str, str]) -> None:
    """Create the tables and prime the lanes, unless just that was done before."""
    now = fingerprint(
        ROOT / "schemas", ROOT / "spark_apps/tables.py", " ".join(exchanges(place))
    )
    if not stamped(place, "bootstrapped", now):
        words = (str(place.python("spark")), "-m", "spark_apps.run", "bootstrap")
        said(place, words, env)
        stamp(place, "bootstrapped", now)


def migrate_airflow(place: Place, env: Mapping[str, str]) -> None:
    """Bring Airflow's database and pools up to date, unless they are."""
    now = fingerprint(
        REPO / "stack/locks/airflow.txt", REPO / "dags", " ".join(exchanges(place))
    )
    if stamped(place, "migrated", now):
        return
    binary = str(place.envs / "airflow/bin/airflow")
    said(place, (binary, "db", "migrate"), env)
    pools = said(place, (str(place.python("airflow")), "-m", "dags.factory.pools"), env)
    file = place.conf / "pools.json"
    file.write_text(pools)
    said(place, (binary, "pools", "import", str(file)), env)
    stamp(place, "migrated", now)
