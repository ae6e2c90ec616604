"""Upkeep's removal, done with pyiceberg: old snapshots go, and each file of theirs."""

from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table


def rewritten(table: Table) -> None:
    """Put all rows into one new file, as compaction does."""
    rows: pa.Table = table.scan().to_arrow()
    table.overwrite(rows)


def swept(catalog: SqlCatalog, identifier: str, keep: int = 1) -> int:
    """Expire all but the newest snapshots; delete what is named by none; say how many.

    Metadata files go too, but the newest: the lanes' commits remove them by number.
    """
    table = catalog.load_table(identifier)
    line = [entry.snapshot_id for entry in table.history()]
    if line[:-keep]:
        table.maintenance.expire_snapshots().by_ids(line[:-keep]).commit()
    table = catalog.load_table(identifier)
    needed = {path_of(table.metadata_location)}
    for snapshot in table.snapshots():
        needed.add(path_of(snapshot.manifest_list))
        for manifest in snapshot.manifests(table.io):
            needed.add(path_of(manifest.manifest_path))
            for entry in manifest.fetch_manifest_entry(table.io):
                needed.add(path_of(entry.data_file.file_path))
    gone = [
        file
        for file in path_of(table.location()).rglob("*")
        if file.is_file() and file not in needed
    ]
    for file in gone:
        file.unlink()
    return len(gone)


def path_of(location: str) -> Path:
    return Path(location.removeprefix("file://"))
