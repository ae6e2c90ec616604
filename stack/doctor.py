"""What could keep `up` from working, found before anything is started."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import psutil
from rich.console import Console
from rich.table import Table

from stack import supervisor
from stack.environments import ENVIRONMENTS, is_built
from stack.jars import locked, wrong
from stack.place import Place
from stack.processes import listening
from stack.profile import ports_needed, profile
from stack.programs import as_postgres
from stack.unknown_settings import unknown

console = Console()
GIB = 1024**3
DYING_SECONDS = 5
"""How long a killed program may hold its ports while its memory is given back."""
MEMORY_NEEDED = {"local": 5, "cluster": 8}
"""GiB: what the whole stack keeps resident, and a little air; by Spark's profile."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, warn or FAIL, and what to type."""

    about: str
    state: str
    said: str
    remedy: str = ""


def findings(place: Place, thorough: bool, spark: str) -> list[Finding]:
    """Return everything that was looked at; thorough reads each jar whole."""
    return [
        python(),
        system_user(),
        home(place),
        *settings(place),
        memory(place, spark),
        disk(place),
        *ports(place, spark),
        *environments(place),
        jars(place, thorough),
        *registry(place),
    ]


def fit(place: Place, spark: str) -> bool:
    """Return whether `up` may begin with a profile; what is in its way is shown.

    So are settings that it would go on without.
    """
    with console.status("looking whether all that is needed is there"):
        found = findings(place, thorough=False, spark=spark)
    bad = [each for each in found if each.state == "FAIL"]
    if shown := [*bad, *settings(place)]:
        console.print(board(shown))
    if bad:
        console.print("Nothing was started. See everything with ./bullion doctor")
    return not bad


def show(place: Place, as_json: bool) -> int:
    """Print every finding; return 1 if one of them is in the way."""
    with nullcontext() if as_json else console.status("looking"):
        found = findings(place, thorough=True, spark=profile(place))
    if as_json:
        print(json.dumps([asdict(each) for each in found]))
    else:
        console.print(board(found))
    return int(any(each.state == "FAIL" for each in found))


def board(found: list[Finding]) -> Table:
    colours = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}
    table = Table(header_style="bold cyan")
    for name in ("", "what", "found", "what to do"):
        table.add_column(name, overflow="fold")
    for each in found:
        state = f"[{colours[each.state]}]{each.state}[/]"
        table.add_row(state, each.about, each.said, each.remedy)
    return table


def python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", "ok", version)


def system_user() -> Finding:
    if os.geteuid() != 0:
        return Finding("user", "ok", "an ordinary user")
    if not shutil.which("setpriv"):
        return Finding(
            "user",
            "FAIL",
            "root, and PostgreSQL refuses root",
            "apt-get install util-linux (for setpriv), or run as an ordinary user",
        )
    words = [*as_postgres(), "true"]
    tried = subprocess.run(words, capture_output=True, text=True, check=False)
    if tried.returncode:
        return Finding(
            "user",
            "FAIL",
            f"root, which may not become another user here: {tried.stderr.strip()}",
            "run as an ordinary user, or give the container CAP_SETUID, CAP_SETGID, "
            "CAP_SETPCAP and CAP_DAC_OVERRIDE",
        )
    return Finding("user", "ok", "root; PostgreSQL runs as nobody")


def home(place: Place) -> Finding:
    try:
        place.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place.home):
            return Finding("home", "ok", str(place.home))
    except OSError as error:
        return Finding(
            "home",
            "FAIL",
            f"{place.home} cannot be written: {error.strerror}",
            "set BULLION_HOME to a folder of yours",
        )


def settings(place: Place) -> Iterator[Finding]:
    """Yield each setting that does nothing."""
    for name, remedy in unknown(place.settings):
        yield Finding(name, "warn", "no setting of this name: it does nothing", remedy)


def memory(place: Place, spark: str) -> Finding:
    free = psutil.virtual_memory().available / GIB
    said = f"{free:.1f} GiB available"
    needed = MEMORY_NEEDED[spark]
    if free >= needed or supervisor.is_running(place):
        return Finding("memory", "ok", said)
    return Finding(
        "memory",
        "FAIL",
        f"{said}, and the stack needs {needed}",
        "close other programs, or start less: --spark local, --exchanges NAME",
    )


def disk(place: Place) -> Finding:
    needed = 2 if all(is_built(place, env) for env in ENVIRONMENTS) else 6
    free = shutil.disk_usage(place.home if place.home.exists() else "/").free / GIB
    said = f"{free:.1f} GiB free below {place.home}"
    if free >= needed:
        return Finding("disk", "ok", said)
    return Finding(
        "disk",
        "FAIL",
        f"{said}, and {needed} are needed",
        "free some space, or set BULLION_HOME to a larger disk",
    )


def ports(place: Place, spark: str) -> Iterator[Finding]:
    """Yield what listens where the stack means to; its own programs may."""
    if supervisor.is_running(place):
        yield Finding("ports", "ok", "in use by this stack, which is running")
        return
    wanted = ports_needed(place, spark)
    taken, ours = busy(place, wanted)
    given_up = time.monotonic() + DYING_SECONDS
    while set(taken.values()) - ours and time.monotonic() < given_up:
        time.sleep(0.25)
        taken, ours = busy(place, wanted)
    if ours & set(taken.values()):
        said = f"{len(ours & set(taken.values()))} held by what a dead stack left"
        yield Finding("ports", "warn", said, "up ends those processes first")
    for name, port in taken.items():
        if port in ours:
            continue
        yield Finding(
            f"port {port}",
            "FAIL",
            f"somebody listens on it; it is for {name}",
            f"end that program (ss -ltnp 'sport = :{port}'), or choose another port: "
            f"BULLION_PORT_{name}={port + 1000} ./bullion up",
        )
    if not taken:
        yield Finding("ports", "ok", f"{len(wanted)} free")


def busy(place: Place, wanted: Mapping[str, int]) -> tuple[dict[str, int], set[int]]:
    """Return the ports that are taken by name, and those that this home's own hold."""
    taken = {name: port for name, port in wanted.items() if not is_free(port)}
    return taken, listening(place) if taken else set()


def is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def environments(place: Place) -> Iterator[Finding]:
    for env in ENVIRONMENTS:
        if is_built(place, env):
            yield Finding(f"environment {env}", "ok", "built from its lock")
        else:
            yield Finding(f"environment {env}", "warn", "up will build it")


def jars(place: Place, thorough: bool) -> Finding:
    missing = (
        wrong(place.jars)
        if thorough
        else [path for path in locked() if not (place.jars / path).exists()]
    )
    if missing:
        said = f"{len(missing)} of {len(locked())} missing or wrong"
        return Finding("jars", "warn", said, "up will fetch them")
    return Finding("jars", "ok", f"{len(locked())} as in their lock")


def registry(place: Place) -> Iterator[Finding]:
    """Yield whether packages can be fetched, if there are any to fetch."""
    if all(is_built(place, env) for env in ENVIRONMENTS):
        return
    pip = [str(place.python("tools")), "-m", "pip", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*pip, "index", "versions", "uv"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        reached = done.returncode == 0
    except subprocess.TimeoutExpired:
        reached = False
    if reached:
        yield Finding("package registry", "ok", "answers")
    else:
        yield Finding(
            "package registry",
            "warn",
            "does not answer; what is cached may be enough",
            "check the network, HTTPS_PROXY, SSL_CERT_FILE and `pip config list`",
        )
