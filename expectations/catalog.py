"""The tables' metadata, read without Spark: snapshots, and the files each added."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Snapshot

from schemas.table import CATALOG

NOTHING = -1
"""The snapshot id of a reader that has read nothing yet."""


class HistoryGone(Exception):
    """Snapshots expired under a reader: stop, and call a person."""


def open_catalog(env: Mapping[str, str]) -> SqlCatalog:
    """Return the catalog that the settings name; KeyError names what they lack."""
    user, password = env["BULLION_CATALOG_USER"], env["BULLION_CATALOG_PASSWORD"]
    return SqlCatalog(
        CATALOG,
        **{
            "uri": f"postgresql+psycopg2://{user}:{password}@{env['BULLION_CATALOG']}",
            "init_catalog_tables": "false",
            "warehouse": env["BULLION_WAREHOUSE"],
            "s3.endpoint": env["BULLION_S3_ENDPOINT"],
            "s3.access-key-id": env["BULLION_S3_ACCESS_KEY"],
            "s3.secret-access-key": env["BULLION_S3_SECRET_KEY"],
            "s3.region": env["BULLION_S3_REGION"],
        },
    )


def pending(table: Table, position: int) -> tuple[Snapshot, ...]:
    """Return the snapshots behind a reader's position that brought rows, newest first.

    Raises:
        HistoryGone: the position, or what followed it, has expired.
    """
    new: list[Snapshot] = []
    at = table.current_snapshot()
    while at and at.snapshot_id != position:
        if brings_data(at):
            new.append(at)
        parent = at.parent_snapshot_id
        at = table.snapshot_by_id(parent) if parent else None
        if at is None and (parent or position != NOTHING):
            raise HistoryGone(
                f"{'.'.join(table.name())}: snapshots behind {position} have expired, "
                "and a reader needs them: stop its lane and restore the checkpoint"
            )
    return tuple(new)


def brings_data(snapshot: Snapshot) -> bool:
    summary = snapshot.summary
    return (
        summary is not None
        and summary.operation == Operation.APPEND
        and int(summary.additional_properties.get("added-data-files", 0)) > 0
    )


@dataclass(frozen=True, slots=True)
class Added:
    """What one snapshot added: files, and what its writer noted in the summary."""

    files: tuple[str, ...]
    notes: Mapping[str, str]


def added_by(table: Table, snapshot: Snapshot) -> Added:
    """Return the data files that a snapshot added, by the manifests it wrote."""
    files = [
        entry.data_file.file_path
        for manifest in snapshot.manifests(table.io)
        if manifest.added_snapshot_id == snapshot.snapshot_id
        for entry in manifest.fetch_manifest_entry(table.io)
        if entry.status == ManifestEntryStatus.ADDED
        and entry.snapshot_id == snapshot.snapshot_id
    ]
    assert snapshot.summary is not None
    return Added(tuple(files), snapshot.summary.additional_properties)
