"""`./bullion docs`: the handbook, as a site that is read without a network."""

import os
import subprocess

from stack.environments import LOCKS, build_from
from stack.place import REPO, Place

ENV = "docs"
"""An environment of its own: who only runs the stack does not pay for it."""
QUIET = {"NO_MKDOCS_2_WARNING": "1"}
"""Material's theme would tell each reader of a terminal of its successor."""


def prepare(place: Place) -> None:
    """Build the environment of MkDocs, or bring it up to date.

    Raises:
        NotFetched: a package could not be fetched.
    """
    build_from(place, ENV, LOCKS / f"{ENV}.txt")


def words(place: Place) -> tuple[str, ...]:
    """Return what builds the site; a broken link, or any other warning, fails it."""
    told = ("--config-file", str(REPO / "mkdocs.yml"))
    site = ("--site-dir", str(place.home / "site"))
    # Not --quiet: what is not said is not counted, and would fail nothing.
    return ("mkdocs", "build", "--strict", *told, *site)


def build(place: Place) -> int:
    """Build the site and say where it is; return MkDocs' own exit code."""
    code = asked(place, *words(place))
    if not code:
        print(f"open {place.home / 'site/index.html'}")
    return code


def serve(place: Place, port: int) -> int:
    """Show the site until it is interrupted."""
    told = ("--config-file", str(REPO / "mkdocs.yml"))
    return asked(place, "mkdocs", "serve", *told, "--dev-addr", f"127.0.0.1:{port}")


def asked(place: Place, program: str, *told: str) -> int:
    command = (str(place.envs / ENV / "bin" / program), *told)
    env = os.environ | QUIET | {"PYTHONPATH": str(REPO)}
    return subprocess.run(command, cwd=REPO, env=env, check=False).returncode
