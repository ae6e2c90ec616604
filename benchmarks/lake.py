"""How fast trades become tables: Kafka to bronze, silver, gold, candles; and two peers.

    ./bullion bench lake [--rows N] [--table N] [--runs N]

Its own broker, registry, object store and catalog, all on this machine beside Spark;
nothing else should run. What is measured is in `benchmarks/lake_job.py`: the apps in
one local driver; and in `benchmarks/lake_runs.py`: run after run over the warm driver
of a laptop, which `--rows 0` asks for alone.
"""

import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Mapping

from benchmarks.own_services import own_services, start
from schemas.table import ROOT

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
    # Each run waits for bronze.
    often = {"BULLION_BRONZE_TRIGGER_SECONDS": "1"}
    with own_services(WANTED, often) as (place, env):
        python = str(place.python("spark"))
        if asked.rows:
            job = [python, "-P", "-m", "benchmarks.lake_job"]
            job += ["--rows", str(asked.rows), "--table", str(asked.table)]
            job += ["--peer-python", str(place.python("airflow"))]
            job += ["--kafka-data", str(place.data / "kafka")]
            run(job, {**env, "BULLION_SPARK_MEMORY": "3g"})
        if asked.runs:
            start(place, env, WANTED | DRIVERS)
            job = [python, "-P", "-m", "benchmarks.lake_runs"]
            run([*job, "--runs", str(asked.runs)], env)
    return 0


def run(job: list[str], env: Mapping[str, str]) -> None:
    """Run a part of the bench.

    Raises:
        CalledProcessError: it failed; it has said why.
    """
    subprocess.run(job, env={**os.environ, **env}, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
