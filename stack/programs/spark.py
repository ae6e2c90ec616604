"""Spark's programs: the lanes' warm driver, and the continuous streams."""

from stack.place import REPO, Place
from stack.programs.program import LOCAL, Program
from stack.settings import exchanges


def spark_connect(place: Place) -> Program:
    port = place.ports
    return Program(
        name="spark-connect",
        about="Spark Connect: the lanes' warm driver",
        needs=(f"tcp:{port['POSTGRES']}", f"tcp:{port['S3']}"),
        command=(
            # Spark 4.1.1 leaves a thread behind for each query with a foreachBatch.
            *("timeout", f"{place.settings.get('BULLION_SPARK_CONNECT_HOURS') or 4}h"),
            str(place.envs / "spark/bin/spark-submit"),
            *("--master", "local[2]", "--driver-memory", "768m"),
            *("--properties-file", str(place.conf / "spark-defaults.conf")),
            *("--driver-java-options", spark_java()),
            *("--conf", f"spark.connect.grpc.binding.port={port['SPARK_CONNECT']}"),
            *("--conf", f"spark.ui.port={port['SPARK_UI']}"),
            *("--name", "lanes"),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            "spark-internal",
        ),
        ready=f"tcp:{port['SPARK_CONNECT']}",
        env=spark_env(),
    )


def bronze(place: Place) -> Program:
    port = place.ports
    return Program(
        name="bronze",
        about="Spark, continuous: Kafka into bronze",
        needs=(
            f"tcp:{port['POSTGRES']}",
            f"tcp:{port['S3']}",
            f"tcp:{port['KAFKA']}",
            f"file:{place.run / 'bootstrapped'}",
        ),
        command=(
            str(place.envs / "spark/bin/spark-submit"),
            *("--master", "local[2]", "--driver-memory", "512m"),
            *("--properties-file", str(place.conf / "spark-defaults.conf")),
            *("--driver-java-options", spark_java()),
            *("--conf", f"spark.ui.port={port['BRONZE_UI']}"),
            *("--name", "bronze", str(REPO / "spark_apps/run.py"), "bronze.trades"),
            *exchanges(place),
        ),
        ready=f"tcp:{port['BRONZE_UI']}",
        env=spark_env(),
        stop_seconds=40,
    )


def spark_java() -> str:
    return "-XX:+UseSerialGC -Duser.timezone=UTC -Xss2m"


def spark_env() -> tuple[tuple[str, str], ...]:
    return (("SPARK_LOCAL_IP", LOCAL), ("SPARK_NO_DAEMONIZE", "1"))
