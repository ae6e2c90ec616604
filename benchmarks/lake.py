"""How fast trades become tables: Kafka to bronze, silver, gold, candles; and two peers.

    ./bullion bench lake [--rows N] [--table N] [--runs N]

Its own broker, registry, object store and catalog, all on this machine beside Spark;
nothing else should run. What is measured is in `benchmarks/lake_job.py`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from schemas.table import ROOT
from stack import lifecycle, steps, supervisor
from stack.files import write_all
from stack.place import Place
from stack.settings import environment
from tests.laptop.ports import free_ports

WANTED = {
    *("postgres", "s3", "kafka format", "kafka", "databases", "spark settings"),
    *("registry", "topics", "schemas"),
}


def main() -> int:
    """Start the services, measure, stop them; return the job's exit code."""
    folder = Path(tempfile.mkdtemp(prefix="bullion-lake-"))
    home = folder / "home"
    home.mkdir()
    for shared in ("envs", "jars", "java"):
        (home / shared).symlink_to(ROOT / ".bullion" / shared)
    ports = {f"BULLION_PORT_{name}": str(port) for name, port in free_ports().items()}
    place = Place.read({**ports, "BULLION_HOME": str(home)})
    lifecycle.remember(place, {})
    env = environment(place)
    try:
        write_all(place)
        steps.init_postgres(place, env)
        supervisor.start_daemon(place, env)
        lifecycle.run_all([t for t in lifecycle.tasks(place, env) if t.name in WANTED])
        job = [str(place.python("spark")), "-P", "-m", "benchmarks.lake_job"]
        job += ["--peer-python", str(place.python("airflow"))]
        job += ["--kafka-data", str(place.data / "kafka")]
        done = subprocess.run(
            [*job, *sys.argv[1:]],
            env={**os.environ, **env, "BULLION_SPARK_MEMORY": "3g"},
            cwd=ROOT,
            check=False,
        )
        return done.returncode
    finally:
        lifecycle.down(place)
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
