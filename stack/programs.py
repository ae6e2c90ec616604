"""Every program of the laptop as data: what it runs, needs, and how it stops."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from stack.place import REPO, Place
from stack.settings import exchanges, feed

LOCAL = "127.0.0.1"
SILENT = ("--skip-serve-logs",)
"""Airflow's log servers listen to everybody; here all of it reads the same folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process that supervisord keeps alive."""

    name: str
    command: tuple[str, ...]
    ready: str
    """Probe that answers once it does its work; see `when_ready`."""
    needs: tuple[str, ...] = ()
    """Probes that must answer before it starts."""
    env: tuple[tuple[str, str], ...] = ()
    folder: Path = REPO
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    about: str = field(default="")


def programs(place: Place) -> tuple[Program, ...]:
    """Return the programs of this laptop in the order in which they are shown."""
    found = [postgres(place), s3(place), kafka(place), registry(place)]
    if feed(place)["feed"] != "live":
        found.append(simulator(place))
    found += [capture(place, exchange) for exchange in exchanges(place)]
    found += [spark_connect(place), bronze(place), *airflow(place)]
    return tuple(found)


def as_postgres() -> tuple[str, ...]:
    """Return what must stand before PostgreSQL's programs: it refuses root.

    The one capability lets it reach a home below folders that only root may enter. The
    secure bit makes access(2), by which initdb looks for its neighbours, count that
    capability too: for whoever is not root, Linux leaves it out there (access(2)).
    """
    if os.geteuid() != 0:
        return ()
    drop = "--reuid=nobody --regid=nogroup --clear-groups"
    keep = "--inh-caps=+dac_override --ambient-caps=+dac_override"
    count = "--securebits=+no_setuid_fixup"
    return ("setpriv", count, *drop.split(), *keep.split())


def postgres_bin(place: Place) -> Path:
    return place.postgres_bin


def postgres(place: Place) -> Program:
    settings = {
        "listen_addresses": LOCAL,
        "unix_socket_directories": "",
        "shared_buffers": "32MB",
        "max_connections": "80",
        "jit": "off",
        "autovacuum_naptime": "5min",
        "max_wal_size": "256MB",
    }
    flags = [word for k, v in settings.items() for word in ("-c", f"{k}={v}")]
    return Program(
        name="postgres",
        about="PostgreSQL 18: Airflow, Iceberg's catalog, the registry",
        command=(
            *as_postgres(),
            str(postgres_bin(place) / "postgres"),
            *("-D", str(place.data / "postgres")),
            *("-p", str(place.ports["POSTGRES"])),
            *flags,
        ),
        ready=f"tcp:{place.ports['POSTGRES']}",
        # SIGTERM would wait for every client to leave; SIGINT is the fast shutdown.
        stop_signal="INT",
    )


def s3(place: Place) -> Program:
    port = place.ports
    flags = {
        "dir": place.data / "s3",
        "ip": LOCAL,
        "ip.bind": LOCAL,
        "s3.config": place.conf / "s3.json",
        "bucket": "lake",
        # Its usual places below /tmp outlive it, and are another user's to us.
        "s3.localSocket": place.socket("s3"),
        "filer.localSocket": place.socket("filer"),
        "s3.port": port["S3"],
        "s3.port.grpc": port["S3_GRPC"],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "filer.port": port["S3_FILER"],
        "filer.port.grpc": port["S3_FILER_GRPC"],
        "master.port": port["S3_MASTER"],
        "master.port.grpc": port["S3_MASTER_GRPC"],
        "master.telemetry": "false",
        "volume.port": port["S3_VOLUME"],
        "volume.port.grpc": port["S3_VOLUME_GRPC"],
        "admin.ui": "false",
        "webdav": "false",
    }
    return Program(
        name="s3",
        about="SeaweedFS: the objects of the lake",
        command=(
            str(place.envs / "spark/bin/weed"),
            *("-logtostderr=true", "mini"),
            *(f"-{name}={value}" for name, value in flags.items()),
        ),
        ready=f"tcp:{port['S3']}",
        # At Go's own pace it spends two thirds of its time on little garbage.
        env=(("GOGC", "400"), ("GOMEMLIMIT", "300MiB")),
        folder=place.data,
    )


def java(place: Place, heap: str) -> tuple[str, ...]:
    return (
        str(place.java / "bin/java"),
        *(f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        "-Duser.timezone=UTC",
    )


def kafka(place: Place) -> Program:
    return Program(
        name="kafka",
        about="Kafka 4.4 (KRaft): the trades on their way",
        command=(
            *java(place, "256m"),
            f"-Dlog4j2.configurationFile={place.conf / 'kafka-log4j2.properties'}",
            *("-cp", f"{place.jars / 'kafka'}/*"),
            "kafka.Kafka",
            str(place.conf / "kafka.properties"),
        ),
        ready=f"tcp:{place.ports['KAFKA']}",
        stop_seconds=60,
    )


def registry(place: Place) -> Program:
    port = place.ports
    return Program(
        name="registry",
        about="Apicurio: the schemas, over Confluent's API",
        needs=(f"tcp:{port['POSTGRES']}",),
        command=(
            *java(place, "256m"),
            *("-jar", str(place.jars / "registry/quarkus-run.jar")),
        ),
        ready=f"http:http://{LOCAL}:{port['REGISTRY']}/apis/ccompat/v7/subjects",
        env=(
            ("QUARKUS_HTTP_HOST", LOCAL),
            ("QUARKUS_HTTP_PORT", str(port["REGISTRY"])),
            ("QUARKUS_MANAGEMENT_HOST", LOCAL),
            ("QUARKUS_MANAGEMENT_PORT", str(port["REGISTRY_MANAGEMENT"])),
            ("APICURIO_STORAGE_KIND", "sql"),
            ("APICURIO_STORAGE_SQL_KIND", "postgresql"),
            (
                "APICURIO_DATASOURCE_URL",
                f"jdbc:postgresql://{LOCAL}:{port['POSTGRES']}/registry",
            ),
            ("APICURIO_DATASOURCE_USERNAME", "registry"),
            ("APICURIO_DATASOURCE_PASSWORD", "@registry"),
            ("APICURIO_DATASOURCE_JDBC_MAX_SIZE", "5"),
            ("APICURIO_DATASOURCE_JDBC_INITIAL_SIZE", "1"),
            ("APICURIO_DATASOURCE_JDBC_MIN_SIZE", "1"),
        ),
        folder=place.jars / "registry",
    )


def simulator(place: Place) -> Program:
    told = feed(place)
    options = [f"--{name}={told[name]}" for name in ("speed", "rate") if name in told]
    if told.get("retime"):
        options.append("--retime")
    return Program(
        name="simulator",
        about=f"the exchanges at home: {told['feed']}",
        command=(
            str(place.python("spark")),
            *("-m", "simulator"),
            f"--port={place.ports['SIMULATOR']}",
            f"--feed={told['feed']}",
            f"--state={place.data / 'simulator'}",
            *options,
        ),
        ready=f"http:http://{LOCAL}:{place.ports['SIMULATOR']}/control/state",
    )


def capture(place: Place, exchange: str) -> Program:
    port = place.ports
    return Program(
        name=f"capture-{exchange}",
        about=f"{exchange}'s WebSocket into Kafka",
        needs=(
            f"tcp:{port['KAFKA']}",
            f"http:http://{LOCAL}:{port['REGISTRY']}/apis/ccompat/v7/subjects",
            f"file:{place.run / 'schemas'}",
        ),
        command=(
            str(place.python("spark")),
            *("-m", "ingestion", "capture", exchange),
        ),
        ready=f"file:{place.run / 'schemas'}",
        # Another feed lists other symbols: whoever asked the old one starts anew.
        env=(("BULLION_FEED", feed(place)["feed"]),),
    )


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
    # A heap that grew for one batch is given back after the next full collection.
    lean = "-XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=25"
    return f"-XX:+UseSerialGC {lean} -Duser.timezone=UTC -Xss2m"


def spark_env() -> tuple[tuple[str, str], ...]:
    return (("SPARK_LOCAL_IP", LOCAL), ("SPARK_NO_DAEMONIZE", "1"))


def airflow(place: Place) -> tuple[Program, ...]:
    """Return Airflow's four processes; the scheduler waits for the tables."""
    binary = str(place.envs / "airflow/bin/airflow")
    url = f"http:http://{LOCAL}:{place.ports['AIRFLOW']}/api/v2/version"
    migrated = (f"tcp:{place.ports['POSTGRES']}", f"file:{place.run / 'migrated'}")
    tables = f"file:{place.run / 'bootstrapped'}"
    path = f"{place.envs / 'airflow/bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    env = (("PATH", path),)
    return (
        Program(
            name="airflow-api-server",
            about="Airflow: the UI and its API",
            needs=migrated,
            command=(binary, "api-server"),
            ready=url,
            env=env,
            stop_seconds=60,
        ),
        Program(
            name="airflow-dag-processor",
            about="Airflow: reads the DAGs",
            needs=(*migrated, url),
            command=(binary, "dag-processor"),
            ready=url,
            env=env,
            stop_seconds=60,
        ),
        Program(
            name="airflow-triggerer",
            about="Airflow: waits for people and events",
            needs=(*migrated, url),
            command=(binary, "triggerer", *SILENT),
            ready=url,
            env=env,
            stop_seconds=60,
        ),
        Program(
            name="airflow-scheduler",
            about="Airflow: runs the lanes",
            needs=(*migrated, tables, url),
            command=(str(REPO / "stack/run_group.sh"), binary, "scheduler", *SILENT),
            ready=url,
            env=env,
            stop_seconds=60,
        ),
    )
