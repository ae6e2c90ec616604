"""The lanes' warm driver: a Spark Connect server that forgets soon enough.

    spark-submit spark_apps/warm_driver.py

Spark 4.1.1 keeps each query of a stream for an hour after its end, so that its client
may still ask for it; and with it a session, plans and five copies of Hadoop's settings:
a megabyte. Lanes end hundreds of queries an hour, and whoever began one waits for its
end: a minute is enough.
"""

import os
import signal
import threading
from typing import Any

from pyspark.sql import SparkSession

KEPT_S = 60
KEPT = "stoppedQueryInactivityTimeout"
"""The field that holds the hour; a constant, "configurable for testing"."""


def serve(spark: SparkSession) -> None:
    """Listen for clients, at the port that Spark's settings name.

    Raises:
        Py4JJavaError: it cannot, or this Spark keeps ended queries in another way.
    """
    service = connect(spark)
    forget_after(spark, service.streamingSessionManager(), KEPT_S)
    service.start(spark._jsc.sc())


def connect(spark: SparkSession) -> Any:
    """Return Spark's Connect service, in the JVM; it is a Scala object."""
    package = java(spark).org.apache.spark.sql.connect.service
    return getattr(getattr(package, "SparkConnectService$"), "MODULE$")


def forget_after(spark: SparkSession, cache: Any, seconds: int) -> None:
    """Have a cache of queries keep one for so long once it has ended."""
    field = cache.getClass().getDeclaredField(KEPT)
    field.setAccessible(True)
    duration = java(spark).scala.concurrent.duration.Duration
    field.set(cache, duration.create(seconds, "seconds"))


def java(spark: SparkSession) -> Any:
    """Return the way into the JVM of a session that has one of its own."""
    assert spark._jvm is not None
    return spark._jvm


def main() -> None:
    """Serve until told to end, or until the JVM that began us is gone."""
    told, jvm = threading.Event(), os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    spark = SparkSession.builder.getOrCreate()
    serve(spark)
    while not told.wait(2):
        if os.getppid() != jvm:
            return
    spark.stop()


if __name__ == "__main__":
    main()
