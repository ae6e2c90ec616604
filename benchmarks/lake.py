"""How fast trades become tables: Kafka to bronze, silver, gold, candles; and two peers.

    ./bullion bench lake [--rows N] [--table N] [--runs N]

Its own broker, registry, object store and catalog, all on this machine beside Spark;
nothing else should run. What is measured is in `benchmarks/lake_job.py`.
"""

import os
import subprocess
import sys

from benchmarks.own_services import own_services
from schemas.table import ROOT

WANTED = {
    *("postgres", "s3", "kafka format", "kafka", "databases", "spark settings"),
    *("registry", "topics", "schemas"),
}


def main() -> int:
    """Start the services, measure, stop them; return the job's exit code."""
    with own_services(WANTED) as (place, env):
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


if __name__ == "__main__":
    sys.exit(main())
