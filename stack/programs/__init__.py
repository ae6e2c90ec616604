"""Every program of the laptop, in the order in which they are shown."""

from stack.place import Place
from stack.programs.airflow import airflow
from stack.programs.cluster import cluster
from stack.programs.exchanges import capture, simulator
from stack.programs.program import Program
from stack.programs.services import (
    as_postgres,
    java,
    kafka,
    postgres,
    registry,
    s3,
)
from stack.programs.spark import bronze, spark_connect, warm_python
from stack.settings import exchanges, feed

__all__ = ["Program", "as_postgres", "java", "postgres", "programs", "s3"]


def programs(place: Place) -> tuple[Program, ...]:
    """Return the programs of this laptop in the order in which they are shown."""
    found = [postgres(place), s3(place), kafka(place), registry(place)]
    if feed(place)["feed"] != "live":
        found.append(simulator(place))
    found += [capture(place, exchange) for exchange in exchanges(place)]
    found += [
        *cluster(place),
        warm_python(place),
        spark_connect(place),
        *bronze(place),
        *airflow(place),
    ]
    return tuple(found)
