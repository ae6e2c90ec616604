"""Spark's programs: the lanes' warm driver, and the continuous streams."""

from stack import profile
from stack.place import REPO, Place
from stack.programs.cluster import Share, bronze_share, lanes_share
from stack.programs.program import LOCAL, Program
from stack.programs.services import takes_queries
from stack.settings import exchanges

ALONE = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Libraries begin no thread when they are imported: it would not live on in forks."""

HOT_ONLY = " ".join(
    f"-XX:Tier4{name}={value}"
    for name, value in {
        "InvocationThreshold": 50_000,
        "MinInvocationThreshold": 6_000,
        "CompileThreshold": 150_000,
        "BackEdgeThreshold": 400_000,
    }.items()
)
"""The JVM's second compiler at ten times its usual counts.

Planning is wide and seldom hot: at the usual ones, that compiler takes a third of the
processor in the minutes after a start. Loops over rows reach these counts at once.
"""


def warm_python(place: Place) -> Program:
    return Program(
        name="spark-python",
        about="Python of the lanes' batches, warm",
        command=(
            str(place.python("spark")),
            *("-m", "spark_apps.warm_python", str(place.socket("python"))),
        ),
        ready=f"file:{place.socket('python')}",
        env=tuple(ALONE.items()),
        stop_seconds=5,
    )


def spark_connect(place: Place) -> Program:
    port = place.ports
    return Program(
        name="spark-connect",
        about="Spark Connect: the lanes' warm driver",
        needs=(
            *(takes_queries(place), f"tcp:{port['S3']}"),
            *workers_there(place),
        ),
        command=(
            # Spark 4.1.1 leaves a thread behind for each query with a foreachBatch.
            *("timeout", f"{place.settings.get('BULLION_SPARK_CONNECT_HOURS') or 4}h"),
            *submit(place, "lanes", lanes_share(place), "768m"),
            *("--conf", f"spark.connect.grpc.binding.port={port['SPARK_CONNECT']}"),
            *("--conf", f"spark.ui.port={port['SPARK_UI']}"),
            str(REPO / "spark_apps/warm_driver.py"),
        ),
        ready=f"tcp:{port['SPARK_CONNECT']}",
        env=(
            *spark_env(),
            ("PYSPARK_DRIVER_PYTHON", str(place.python("spark"))),
            # Each batch of a lane has a Python of its own there.
            ("PYSPARK_PYTHON", str(place.conf / "spark-python")),
        ),
    )


def bronze(place: Place) -> tuple[Program, ...]:
    """Return the continuous streams: one driver for all, or on a cluster for each."""
    if profile.on_cluster(place):
        return tuple(bronze_of(place, exchange) for exchange in exchanges(place))
    port = place.ports["BRONZE_UI"]
    return (
        streams(
            place,
            "bronze",
            exchanges(place),
            ui=port,
            ready=f"tcp:{port}",
            about="Spark, continuous: Kafka into bronze",
        ),
    )


def bronze_of(place: Place, exchange: str) -> Program:
    name = f"bronze-{exchange}-stream"
    return streams(
        place,
        name,
        (exchange,),
        # Any free one: the master's page leads there.
        ui=0,
        ready=f"app:{place.ports['SPARK_MASTER_UI']}/{name}",
        about=f"Spark, continuous: {exchange}'s Kafka into bronze",
    )


def streams(
    place: Place, name: str, of: tuple[str, ...], *, ui: int, ready: str, about: str
) -> Program:
    port = place.ports
    return Program(
        name=name,
        about=about,
        needs=(
            takes_queries(place),
            f"tcp:{port['S3']}",
            f"tcp:{port['KAFKA']}",
            f"file:{place.run / 'bootstrapped'}",
            *workers_there(place),
        ),
        command=(
            *submit(place, name, bronze_share(place), "512m"),
            *("--conf", f"spark.ui.port={ui}"),
            *(str(REPO / "spark_apps/run.py"), "bronze.trades", *of),
        ),
        ready=ready,
        env=spark_env(),
        stop_seconds=40,
    )


def submit(place: Place, name: str, share: Share, memory: str) -> tuple[str, ...]:
    """Return the words of spark-submit that every driver has in common."""
    where = profile.master(place)
    return (
        str(place.envs / "spark/bin/spark-submit"),
        *("--master", where or "local[2]", "--driver-memory", memory),
        *("--properties-file", str(place.conf / "spark-defaults.conf")),
        *("--driver-java-options", java_options()),
        *(share.words if where else ()),
        *("--name", name),
    )


def java_options() -> str:
    # A heap that grew for one batch is given back after the next full collection.
    lean = "-XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=25"
    return f"-XX:+UseSerialGC {lean} {HOT_ONLY} -Duser.timezone=UTC -Xss2m"


def workers_there(place: Place) -> tuple[str, ...]:
    """Return the probe of a cluster that can work."""
    if not profile.on_cluster(place):
        return ()
    return (f"workers:{place.ports['SPARK_MASTER_UI']}",)


def spark_env() -> tuple[tuple[str, str], ...]:
    return (("SPARK_LOCAL_IP", LOCAL), ("SPARK_NO_DAEMONIZE", "1"))
