"""The servers that every other program needs: database, objects, broker, registry."""

import os

from stack.place import Place
from stack.programs.program import LOCAL, Program


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


def takes_queries(place: Place) -> str:
    """Return the probe of PostgreSQL: it listens before its log is replayed."""
    return f"postgres:{place.ports['POSTGRES']}{place.postgres_bin}"


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
            str(place.postgres_bin / "postgres"),
            *("-D", str(place.data / "postgres")),
            *("-p", str(place.ports["POSTGRES"])),
            *flags,
        ),
        ready=takes_queries(place),
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
        needs=(takes_queries(place),),
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
