"""What the environment may decide about reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from expectations.places import Folder, folder
from schemas.exchange import exchanges_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the catalog, the objects and the neighbours are."""

    exchanges: tuple[str, ...]
    catalog_uri: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    s3_region: str
    warehouse: str
    kafka_servers: str
    checkpoints: Folder
    gates: Path
    alerts: Path
    backups: Path
    capture_metrics: Mapping[str, str]
    """Where the capture of an exchange exports its metrics; those that are known."""
    airflow_url: str
    airflow_passwords: Path

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for; KeyError names what it lacks."""
        user, password = env["BULLION_CATALOG_USER"], env["BULLION_CATALOG_PASSWORD"]
        return cls(
            exchanges=exchanges_in(env),
            catalog_uri=(
                f"postgresql+psycopg2://{user}:{password}@{env['BULLION_CATALOG']}"
            ),
            s3_endpoint=env["BULLION_S3_ENDPOINT"],
            s3_access_key=env["BULLION_S3_ACCESS_KEY"],
            s3_secret_key=env["BULLION_S3_SECRET_KEY"],
            s3_region=env["BULLION_S3_REGION"],
            warehouse=env["BULLION_WAREHOUSE"],
            kafka_servers=env["BULLION_KAFKA_SERVERS"],
            checkpoints=folder(env["BULLION_CHECKPOINTS"], env),
            gates=Path(env["BULLION_GATES"]),
            alerts=Path(env["BULLION_ALERTS"]),
            backups=Path(env["BULLION_BACKUPS"]),
            capture_metrics=dict(
                each.split("=", 1)
                for each in env.get("BULLION_CAPTURE_METRICS", "").split()
                if "=" in each
            ),
            airflow_url=env["BULLION_AIRFLOW_URL"],
            airflow_passwords=Path(env["BULLION_AIRFLOW_PASSWORDS"]),
        )
