"""Where a stack's secrets are found: files, databases, answers, processes."""

import json
import os
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from stack import secrets
from stack.place import Place
from stack.settings import environment

PIECE = 1 << 24
LEAST = 16
"""Letters of a secret: a shorter one would be found by chance."""
MARKS = ("PASSWORD", "SECRET_KEY", "ACCESS_KEY", "FERNET_KEY", "JWT_SECRET")
"""Ends of the names of settings that are secret as they are."""
ADDRESSES = ("WEBHOOK", "HEARTBEAT_URL", "SQL_ALCHEMY_CONN", "AIRFLOW_DATABASE")
"""Ends of the names of addresses in which a secret stands."""
KEPT = frozenset(
    {
        "secrets.json",
        "airflow/passwords.json",
        "conf/supervisord.conf",
        "conf/s3.json",
        "conf/spark-defaults.conf",
    }
)
"""The files of a home in which secrets may stand, for their owner alone."""
DATA = "data"
"""What the servers keep; the databases in it are asked, the objects are packed."""
Secrets = Mapping[str, bytes]


class Leak(NamedTuple):
    """A secret's name, and where it was found; never the secret."""

    where: str
    secret: str


def secrets_of(place: Place) -> Secrets:
    """Return every secret of a stack by name, from where it makes and keeps them."""
    people = json.loads(secrets.passwords(place).read_text())
    env = environment(place)
    found = {
        **secrets.kept(place),
        **{f"password of {name}": said for name, said in people.items()},
        **{name: value for name, value in env.items() if name.endswith(MARKS)},
        **{
            name: inside(value)
            for name, value in env.items()
            if name.endswith(ADDRESSES) and value
        },
    }
    short = [name for name, value in found.items() if len(value) < LEAST]
    assert not short, f"too short to be looked for: {short}"
    return {name: value.encode() for name, value in found.items()}


def inside(address: str) -> str:
    """Return what is secret in an address: its password, or else its last part."""
    parts = urlsplit(address)
    return parts.password or parts.path.rpartition("/")[2]


def leaked(where: str, pieces: Iterable[bytes], known: Secrets) -> list[Leak]:
    """Return the secrets that stand in a stream of bytes, each once."""
    longest = max(map(len, known.values()))
    found: set[str] = set()
    rest = b""
    for piece in pieces:
        whole = rest + piece
        found |= {name for name, value in known.items() if value in whole}
        rest = whole[-longest:]
    return [Leak(where, name) for name in sorted(found)]


def in_files(home: Path, known: Secrets) -> tuple[list[Leak], int]:
    """Return what stands in a home's files, and how many were read.

    A file of KEPT is one if others than its owner may read it.
    """
    found: list[Leak] = []
    count = 0
    for file in files(home):
        count += 1
        name = str(file.relative_to(home))
        try:
            mode = file.stat().st_mode
            leaks = leaked(name, pieces(file), known)
        except FileNotFoundError:
            continue  # a running stack renews its files
        if name not in KEPT or mode & (stat.S_IRWXG | stat.S_IRWXO):
            found += leaks
    return found, count


def files(home: Path) -> Iterator[Path]:
    """Yield the files below a home, without links and without what servers keep."""
    for folder, names, found in os.walk(home):
        if Path(folder) == home:
            names[:] = [name for name in names if name != DATA]
        for name in found:
            file = Path(folder, name)
            if file.is_file() and not file.is_symlink():
                yield file


def pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece


def in_database(place: Place, name: str, known: Secrets) -> tuple[list[Leak], int]:
    """Return what stands in the rows of a database, and how many bytes they have."""
    where = ("-h", "127.0.0.1", "-p", str(place.ports["POSTGRES"]), "-U", "postgres")
    rows = subprocess.run(
        [str(place.postgres_bin / "pg_dump"), *where, "--data-only", name],
        env={**os.environ, "PGPASSWORD": secrets.kept(place)["postgres"]},
        check=True,
        capture_output=True,
    ).stdout
    return leaked(f"database {name}", [rows], known), len(rows)


def in_arguments(known: Secrets, seconds: float) -> tuple[list[Leak], int]:
    """Look at what processes were started with, for so long; return how many."""
    until = time.monotonic() + seconds
    seen: set[bytes] = set()
    while time.monotonic() < until:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                seen.add((folder / "cmdline").read_bytes())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended as it was looked at
        time.sleep(0.1)
    return leaked("arguments of a process", [b"\n".join(seen)], known), len(seen)
