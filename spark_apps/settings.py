"""What the environment says; read once, in `run.py`, and handed down."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from expectations.places import Folder, folder
from schemas.exchange import exchanges_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where a job finds its neighbours and keeps its notes; it shows no secrets."""

    exchanges: tuple[str, ...]
    kafka_servers: str
    registry_url: str
    checkpoints: Folder
    locks: Path
    connect_host: str
    connect_port: int
    bronze_trigger_seconds: int
    bronze_max_offsets: int
    """Messages that one bronze batch takes of a topic at most."""
    unknown_schema_patience: timedelta
    """How long silver waits for the registry to learn the schema id of a message."""
    absent_after: timedelta = timedelta(minutes=2)
    """How far apart an exchange must have left an id out twice, to be without it."""
    kept_for: Mapping[str, timedelta | None] = field(default_factory=dict)
    """Address to the age at which rows are deleted, where it is not the spec's."""
    airflow: Mapping[str, str]
    """Who started the run, as snapshot properties; empty by hand."""

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for; KeyError names what it lacks."""
        home = Path(env["BULLION_HOME"])
        host, _, port = env.get("BULLION_SPARK_CONNECT", "127.0.0.1:15002").partition(
            ":"
        )
        return cls(
            exchanges=exchanges_in(env),
            kafka_servers=env.get("BULLION_KAFKA_SERVERS", "127.0.0.1:19092"),
            registry_url=env.get(
                "BULLION_REGISTRY_URL", "http://127.0.0.1:18081/apis/ccompat/v7"
            ),
            checkpoints=folder(
                env.get("BULLION_CHECKPOINTS") or str(home / "checkpoints"), env
            ),
            locks=Path(env.get("BULLION_LOCKS") or home / "locks"),
            connect_host=host,
            connect_port=int(port or 15002),
            bronze_trigger_seconds=int(env.get("BULLION_BRONZE_TRIGGER_SECONDS", "5")),
            bronze_max_offsets=int(env.get("BULLION_BRONZE_MAX_OFFSETS", "500000")),
            unknown_schema_patience=timedelta(
                seconds=float(env.get("BULLION_UNKNOWN_SCHEMA_SECONDS", "120"))
            ),
            absent_after=timedelta(
                seconds=float(env.get("BULLION_ABSENT_AFTER_SECONDS", "120"))
            ),
            airflow={
                f"bullion.airflow-{key[12:].lower().replace('_', '-')}": value
                for key, value in env.items()
                if key.startswith("AIRFLOW_CTX_") and "DATE" not in key and value
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The catalog and the object store, with their secrets; for `conf` alone."""

    jars: Path
    warehouse: str
    """`s3://bucket/path`, or a folder for tests."""
    catalog_uri: str = ""
    """Such as `jdbc:postgresql://127.0.0.1:15432/catalog`; empty: the folder itself."""
    catalog_user: str = ""
    catalog_password: str = ""
    s3_endpoint: str = ""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_region: str = "us-east-1"
    checkpoints: str = ""
    """Where streams keep their notes; `s3a://` asks for Hadoop's S3 client."""
    master: str = ""
    """Such as `spark://127.0.0.1:17077`; empty: each driver does its work itself."""
    cores: int = 2
    driver_memory: str = "1g"

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for; KeyError names what it lacks."""
        home = Path(env["BULLION_HOME"])
        catalog = env.get("BULLION_CATALOG", "127.0.0.1:15432/catalog")
        return cls(
            jars=Path(env.get("BULLION_JARS") or home / "jars/spark"),
            catalog_uri=f"jdbc:postgresql://{catalog}",
            catalog_user=env["BULLION_CATALOG_USER"],
            catalog_password=env["BULLION_CATALOG_PASSWORD"],
            warehouse=env.get("BULLION_WAREHOUSE", "s3://lake/warehouse"),
            s3_endpoint=env.get("BULLION_S3_ENDPOINT", "http://127.0.0.1:18333"),
            s3_access_key=env["BULLION_S3_ACCESS_KEY"],
            s3_secret_key=env["BULLION_S3_SECRET_KEY"],
            s3_region=env.get("BULLION_S3_REGION", "us-east-1"),
            checkpoints=env.get("BULLION_CHECKPOINTS", ""),
            master=env.get("BULLION_SPARK_MASTER", ""),
            cores=int(env.get("BULLION_SPARK_CORES") or len(os.sched_getaffinity(0))),
            driver_memory=env.get("BULLION_SPARK_MEMORY", "1g"),
        )
