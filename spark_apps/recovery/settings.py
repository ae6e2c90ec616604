"""What the environment says of backups; read once, in `run.py`, and handed down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Where backups lie, how long, and the database that they hold a dump of."""

    folder: Path
    kept_for: timedelta
    programs: str
    """Folder of PostgreSQL's programs; empty: they are on the PATH."""
    database: str
    """The catalog's, such as 127.0.0.1:15432/catalog."""
    user: str
    password: str

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for; KeyError names what it lacks."""
        home = Path(env["BULLION_HOME"])
        return cls(
            folder=Path(env.get("BULLION_BACKUPS") or home / "backups"),
            kept_for=timedelta(days=float(env.get("BULLION_BACKUP_DAYS") or 7)),
            programs=env.get("BULLION_PG_BIN", ""),
            database=env.get("BULLION_CATALOG", "127.0.0.1:15432/catalog"),
            user=env["BULLION_CATALOG_USER"],
            password=env["BULLION_CATALOG_PASSWORD"],
        )
