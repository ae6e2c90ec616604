"""How fast trades become tables: Kafka to bronze, silver, gold, candles; and two peers.

    ./bullion bench lake [--rows N] [--table N] [--runs N]

Its own broker, registry, object store and catalog, all on this machine beside Spark;
nothing else should run. What is measured is in `benchmarks/lake_job.py`: the apps in
one local driver; and in `benchmarks/lake_runs.py`: run after run over the warm driver
of a laptop, which `--rows 0` asks for alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
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
DRIVERS = {"checkpoints", "spark-python", "spark-connect", "tables", "bronze"}


def main() -> int:
    """Start the services, measure, stop them; return an exit code."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--table", type=int, default=100_000_000)
    parser.add_argument("--runs", type=int, default=500)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bullion-lake-"))
    home = folder / "home"
    home.mkdir()
    for shared in ("envs", "jars", "java"):
        (home / shared).symlink_to(ROOT / ".bullion" / shared)
    ports = {f"BULLION_PORT_{name}": str(port) for name, port in free_ports().items()}
    # Each run waits for bronze.
    often = {"BULLION_BRONZE_TRIGGER_SECONDS": "1"}
    place = Place.read({**ports, **often, "BULLION_HOME": str(home)})
    lifecycle.remember(place, {})
    env = environment(place)
    try:
        write_all(place)
        steps.init_postgres(place, env)
        supervisor.start_daemon(place, env)
        python = str(place.python("spark"))
        lifecycle.run_all([t for t in lifecycle.tasks(place, env) if t.name in WANTED])
        if asked.rows:
            job = [python, "-P", "-m", "benchmarks.lake_job"]
            job += ["--rows", str(asked.rows), "--table", str(asked.table)]
            job += ["--peer-python", str(place.python("airflow"))]
            job += ["--kafka-data", str(place.data / "kafka")]
            run(job, {**env, "BULLION_SPARK_MEMORY": "3g"})
        if asked.runs:
            all_of = WANTED | DRIVERS
            lifecycle.run_all(
                [t for t in lifecycle.tasks(place, env) if t.name in all_of]
            )
            job = [
                python,
                "-P",
                "-m",
                "benchmarks.lake_runs",
                "--runs",
                str(asked.runs),
            ]
            run(job, env)
        return 0
    finally:
        lifecycle.down(place)
        shutil.rmtree(folder)


def run(job: list[str], env: dict[str, str]) -> None:
    """Run a part of the bench.

    Raises:
        CalledProcessError: it failed; it has said why.
    """
    subprocess.run(job, env={**os.environ, **env}, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
