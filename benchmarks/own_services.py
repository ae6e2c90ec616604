"""Some of the laptop's services for a bench, in a home and on ports of their own."""

import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from schemas.table import ROOT
from stack import lifecycle, steps, supervisor
from stack.files import write_all
from stack.place import Place
from stack.settings import environment
from tests.laptop.ports import free_ports


@contextmanager
def own_services(
    wanted: Collection[str], settings: Mapping[str, str] | None = None
) -> Iterator[tuple[Place, Mapping[str, str]]]:
    """Start the steps and programs of these names; end them, whatever happens.

    Gives their place, and the environment that programs of the stack get.
    """
    folder = Path(tempfile.mkdtemp(prefix="bullion-bench-"))
    home = folder / "home"
    home.mkdir()
    for shared in ("envs", "jars", "java"):
        (home / shared).symlink_to(ROOT / ".bullion" / shared)
    ports = {f"BULLION_PORT_{name}": str(port) for name, port in free_ports().items()}
    place = Place.read({**ports, **(settings or {}), "BULLION_HOME": str(home)})
    lifecycle.remember(place, {})
    env = environment(place)
    try:
        write_all(place)
        steps.init_postgres(place, env)
        supervisor.start_daemon(place, env)
        start(place, env, wanted)
        yield place, env
    finally:
        lifecycle.down(place)
        shutil.rmtree(folder)


def start(place: Place, env: Mapping[str, str], wanted: Collection[str]) -> None:
    """Take the steps and start the programs of these names, and all that they need.

    What runs already is left as it is.
    """
    lifecycle.run_all([t for t in lifecycle.tasks(place, env) if t.name in wanted])
