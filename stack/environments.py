"""The virtual environments, built by uv from locks with hashes."""

import os
import subprocess
from pathlib import Path

from rich.console import Console

from stack.place import REPO, Place
from stack.steps import fingerprint

ENVIRONMENTS = ("spark", "airflow")
LOCKS = REPO / "stack/locks"
console = Console(stderr=True)


class NotFetched(Exception):
    """Something could not be fetched; the message says what to type."""


def lock_of(env: str, tests: bool) -> Path:
    """Return the lock of an environment; with tests it holds the test tools too."""
    return LOCKS / f"{env}{'-test' if tests else ''}.txt"


def is_built(place: Place, env: str) -> bool:
    """Return whether it was built from today's lock, with or without test tools."""
    stamp = place.envs / env / "made-from"
    made_from = stamp.read_text() if stamp.exists() else ""
    return made_from in {fingerprint(lock_of(env, tests)) for tests in (False, True)}


def build(place: Place, env: str, tests: bool = False) -> None:
    """Build an environment, or bring it up to date; nothing is done if it is.

    Raises:
        NotFetched: a package could not be fetched.
    """
    if tests or not is_built(place, env):
        build_from(place, env, lock_of(env, tests))


def build_from(place: Place, env: str, lock: Path) -> None:
    """Build an environment from a lock; nothing is done if it was built from it.

    Raises:
        NotFetched: a package could not be fetched.
    """
    stamp = place.envs / env / "made-from"
    if stamp.exists() and stamp.read_text() == fingerprint(lock):
        return
    console.print(f"[bold]building the environment[/] {env} from {lock.name}")
    uv = place.python("tools").with_name("uv")
    python = place.python(env)
    if not python.exists():
        base = place.python("tools").resolve()
        made = [str(uv), "venv", "--quiet", "--python", str(base)]
        subprocess.run([*made, str(place.envs / env)], check=True)
    words = [str(uv), "pip", "sync", "--require-hashes", "--python", str(python)]
    for offline in ((), ("--offline",)):
        said, code = followed([*words, *offline, str(lock)])
        if not code:
            stamp.write_text(fingerprint(lock))
            return
    raise NotFetched(
        "\n".join(said[-15:]) + f"\nthe environment {env} could not be built. If the "
        "package registry is unreachable, check the network, HTTPS_PROXY and "
        "SSL_CERT_FILE, then run the same command again: it goes on where it stopped."
    )


def followed(words: list[str]) -> tuple[list[str], int]:
    """Run uv, show what it is at, and return what it said and its exit code."""
    process = subprocess.Popen(
        words,
        env=uv_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    said = []
    with console.status("uv resolves") as status:
        for line in process.stderr:
            said.append(line.rstrip())
            # One line a package, hundreds of them: they stand in the lock.
            if line.startswith((" + ", " - ")):
                continue
            status.update(f"uv: {line.strip()}")
            if line.startswith(("Prepared", "Installed")):
                console.print(f"[dim]{line.strip()}[/]")
    return said, process.wait()


def uv_environment() -> dict[str, str]:
    """Return the caller's environment, with the machine's certificates trusted."""
    return os.environ | {"UV_SYSTEM_CERTS": "1", "UV_LINK_MODE": "copy"}


def build_all(place: Place, tests: bool = False) -> None:
    """Build both environments."""
    for env in ENVIRONMENTS:
        build(place, env, tests)
