"""What the environment says of backups; read once, in `run.py`, and handed down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from spark_apps.recovery.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Where backups lie, how long, and the databases that they hold dumps of."""

    folder: Path
    kept_for: timedelta
    catalog: Database
    registry: Database | None
    """The schema registry's, if it keeps its schemas in PostgreSQL."""

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for; KeyError names what it lacks."""
        home = Path(env["BULLION_HOME"])
        programs = env.get("BULLION_PG_BIN", "")
        registry = env.get("BULLION_REGISTRY_DATABASE")
        return cls(
            folder=Path(env.get("BULLION_BACKUPS") or home / "backups"),
            kept_for=timedelta(days=float(env.get("BULLION_BACKUP_DAYS") or 7)),
            catalog=Database(
                address=env.get("BULLION_CATALOG", "127.0.0.1:15432/catalog"),
                user=env["BULLION_CATALOG_USER"],
                password=env["BULLION_CATALOG_PASSWORD"],
                programs=programs,
            ),
            registry=(
                Database(
                    address=registry,
                    user=env["BULLION_REGISTRY_USER"],
                    password=env["BULLION_REGISTRY_PASSWORD"],
                    programs=programs,
                )
                if registry
                else None
            ),
        )
