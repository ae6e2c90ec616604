"""The lanes' warm driver: a Spark Connect server that forgets soon enough.

    spark-submit spark_apps/warm_driver.py

Spark 4.1.1 keeps each query of a stream for an hour after its end, so that its client
may still ask for it; and with it a session, plans and five copies of Hadoop's settings:
a megabyte. Lanes end hundreds of queries an hour, and whoever began one waits for its
end: a minute is enough.

Each query with a foreachBatch also leaves a thread behind, which looks for ever for
idle workers of a daemon that such queries do not have, and holds the query's session.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from py4j.java_gateway import get_field
from pyspark.sql import SparkSession

KEPT_S = 60
KEPT = "stoppedQueryInactivityTimeout"
"""The field that holds the hour; a constant, "configurable for testing"."""
MONITOR = "Idle Worker Monitor for "
"""How the names of threads that look after Python workers begin."""
SWEPT_EVERY = 30
"""Seconds between two looks for threads that were left behind."""


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


def end_monitors(spark: SparkSession, silent: Any) -> int:
    """End the threads that look after no workers; return how many there were.

    Those of a daemon's workers are left alone: these do grow idle. `silent` handles
    the exception by which a thread ends.
    """
    ended = 0
    for thread in threads(spark):
        if not thread.getName().startswith(MONITOR):
            continue
        if not get_field(thread, "$outer").useDaemonEnabled():
            # Its only way out of an endless loop; of which nothing need be printed.
            thread.setUncaughtExceptionHandler(silent)
            thread.interrupt()
            ended += 1
    return ended


def threads(spark: SparkSession) -> Iterator[Any]:
    """Yield the JVM's live threads."""
    group = java(spark).java.lang.Thread.currentThread().getThreadGroup()
    while (parent := group.getParent()) is not None:
        group = parent
    room = 2 * group.activeCount()
    found = gateway(spark).new_array(java(spark).java.lang.Thread, room)
    for place in range(group.enumerate(found)):
        yield found[place]


def ignoring(spark: SparkSession) -> Any:
    """Return a handler of a thread's last exception that does nothing, in the JVM."""
    lang = java(spark).java.lang
    named = lang.Class.forName
    said = gateway(spark).new_array(lang.Class, 2)
    said[0], said[1] = named("java.lang.Thread"), named("java.lang.Throwable")
    kind = lang.invoke.MethodType.methodType(lang.Void.TYPE, said)
    return lang.invoke.MethodHandleProxies.asInterfaceInstance(
        named("java.lang.Thread$UncaughtExceptionHandler"),
        lang.invoke.MethodHandles.empty(kind),
    )


def gateway(spark: SparkSession) -> Any:
    return spark.sparkContext._gateway


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
    silent, swept = ignoring(spark), time.monotonic()
    while not told.wait(2):
        if os.getppid() != jvm:
            return
        if time.monotonic() - swept > SWEPT_EVERY:
            end_monitors(spark, silent)
            swept = time.monotonic()
    spark.stop()


if __name__ == "__main__":
    main()
