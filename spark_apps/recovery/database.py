"""The catalog's database, by PostgreSQL's own programs: its dump, and its loading."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.table import CATALOG


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
        self._run("pg_dump", ["--clean", "--if-exists", "--no-owner", "--no-privileges"], file)

    def load(self, file: Path) -> None:
        """Replace what the database holds by a dump, wholly or not at all."""
        words = ["--quiet", "--single-transaction", "-v", "ON_ERROR_STOP=1", "-f", str(file)]
        self._run("psql", words, Path(os.devnull))

    def _run(self, program: str, words: Sequence[str], output: Path) -> None:
        host, _, name = self.address.partition("/")
        where = ["-h", host.partition(":")[0], "-p", host.partition(":")[2] or "5432"]
        with output.open("wb") as opened:
            done = subprocess.run(
                [str(Path(self.programs) / program), *where, "-U", self.user, *words]
                + ["-d", name],
                env={**os.environ, "PGPASSWORD": self.password},
                stdout=opened,
                stderr=subprocess.PIPE,
                check=False,
            )
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
            raise DatabaseFailed(
                f"{program} of {self.address}: {' '.join(last)}. Does PostgreSQL run? "
                "See ./bullion status"
            )


def pointers(dump: Path) -> Mapping[str, str]:
    """Return each table's metadata file by its name, as a dump of the catalog has it."""
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
