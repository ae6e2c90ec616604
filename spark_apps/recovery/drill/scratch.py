"""The place beside the running stack in which a backup is restored, and its removal."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyiceberg.catalog import Catalog

from expectations.catalog import open_catalog
from spark_apps.recovery.backup import CHECKPOINTS, Backup
from spark_apps.recovery.database import Database, DatabaseFailed
from spark_apps.recovery.settings import Backups

FOLDER = ".drill"
"""Below the backups; no backup has such a name."""


class NotLoaded(Exception):
    """A dump of the backup does not load; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """What was restored: the catalog, and the streams' checkpoints."""

    catalog: Catalog
    database: Database
    checkpoints: Path


@contextmanager
def scratch(
    backup: Backup, asked: Backups, env: Mapping[str, str]
) -> Iterator[Scratch]:
    """Restore a backup beside all that runs; remove it, whatever happens.

    What a drill left that was killed is removed first.

    Raises:
        NotLoaded: a dump does not load.
        DatabaseFailed: the server is away, or lets us have no database of our own.
    """
    folder, database = asked.folder / FOLDER, asked.catalog.scratch
    try:
        shutil.rmtree(folder, ignore_errors=True)
        asked.catalog.make_scratch()
        load(database, backup.dump)
        if backup.schemas:
            # The registry's tables have other names: one database holds both.
            load(database, backup.schemas)
        held = backup.folder / CHECKPOINTS
        if held.is_dir():
            shutil.copytree(held, folder / CHECKPOINTS)
        catalog = open_catalog({**env, "BULLION_CATALOG": database.address})
        try:
            yield Scratch(
                catalog=catalog, database=database, checkpoints=folder / CHECKPOINTS
            )
        finally:
            catalog.engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        asked.catalog.drop_scratch()


def load(database: Database, dump: Path) -> None:
    """Load a dump; NotLoaded if it is at fault, DatabaseFailed if the server is."""
    try:
        database.load(dump)
    except DatabaseFailed as why:
        # Whoever answers now was there before.
        database.is_empty()
        raise NotLoaded(f"{dump.name} does not load: {why}") from why
