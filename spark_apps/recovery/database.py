"""The databases of catalog and registry, dumped and loaded by PostgreSQL itself."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from schemas.table import CATALOG

SCRATCH = "_drill"
"""What the name of a scratch database has behind that of the one it is a copy of."""


class DatabaseFailed(Exception):
    """PostgreSQL's program ended with an error; its last words are in the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where the database is, and whose."""

    address: str
    """Such as 127.0.0.1:15432/catalog."""
    user: str
    password: str
    programs: str = ""
    """Folder of pg_dump and psql; empty: they are on the PATH."""

    def dump(self, file: Path) -> None:
        """Write what the database holds, as SQL that replaces what is there."""
        words = ("--clean", "--if-exists", "--no-owner", "--no-privileges")
        file.write_bytes(self._said("pg_dump", words))

    def load(self, file: Path) -> None:
        """Replace what the database holds by a dump, wholly or not at all."""
        words = ("--quiet", "--single-transaction", "-v", "ON_ERROR_STOP=1", "-f")
        self._said("psql", (*words, str(file)))

    def is_empty(self) -> bool:
        """Return whether the database has no table."""
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        return self._said("psql", ("-tAc", query)).strip() == b"0"

    def pointers(self) -> Mapping[str, str]:
        """Return each table's metadata file by its name, as the database has it."""
        query = (
            "SELECT table_namespace || '.' || table_name, metadata_location "
            f"FROM iceberg_tables WHERE catalog_name = '{CATALOG}' "
            "AND iceberg_type IS DISTINCT FROM 'VIEW'"
        )
        rows = self._said("psql", ("-tAF", "\t", "-c", query)).decode().splitlines()
        return dict(row.split("\t") for row in rows)

    @property
    def scratch(self) -> Self:
        """The database beside it in which a backup is tried; it may not exist."""
        return replace(self, address=f"{self.address}{SCRATCH}")

    def make_scratch(self) -> None:
        """Create the empty scratch database; what one of before holds is lost.

        Raises:
            DatabaseFailed: the server is away, or this user may create no database.
        """
        self.drop_scratch()
        try:
            self._said("psql", ("-qc", f"CREATE DATABASE {self._scratch_name}"))
        except DatabaseFailed as why:
            if "permission denied" not in str(why):
                raise
            raise DatabaseFailed(
                f"{self.user} may not create the scratch database: as PostgreSQL's "
                f"superuser, ALTER ROLE {self.user} CREATEDB; then run this again"
            ) from why

    def drop_scratch(self) -> None:
        """Drop the scratch database if there is one, whoever is in it."""
        name = self._scratch_name
        self._said("psql", ("-qc", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))

    @property
    def _scratch_name(self) -> str:
        name = self.scratch.address.rpartition("/")[2].replace('"', '""')
        return f'"{name}"'

    def _said(self, program: str, words: Sequence[str]) -> bytes:
        """Return what a program printed.

        Raises:
            DatabaseFailed: it ended with an error.
        """
        host, _, name = self.address.partition("/")
        server, _, port = host.partition(":")
        where = ("-h", server, "-p", port or "5432", "-U", self.user, "-d", name)
        path = shutil.which(program, path=self.programs or None)
        done = subprocess.run(
            [path or program, *where, *words],
            env={"PGPASSWORD": self.password},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
            raise DatabaseFailed(
                f"{program} of {self.address}: {' '.join(last)}. Does PostgreSQL run? "
                "See ./bullion status"
            )
        return done.stdout


def pointers(dump: Path) -> Mapping[str, str]:
    """Return each table's metadata file by its name, as a dump has it."""
    found, columns = {}, None
    for line in dump.read_text().splitlines():
        if line.startswith("COPY public.iceberg_tables ("):
            columns = line.partition("(")[2].partition(")")[0].split(", ")
        elif line == "\\.":
            columns = None
        elif columns:
            row = dict(zip(columns, line.split("\t"), strict=True))
            if row["catalog_name"] == CATALOG and row.get("iceberg_type") != "VIEW":
                name = f"{row['table_namespace']}.{row['table_name']}"
                found[name] = row["metadata_location"]
    return found
