"""The object store and what Iceberg keeps in it, read without Spark."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile

from pyarrow.fs import FileSelector, FileSystem, FileType
from pyarrow.parquet import ParquetFile
from pyiceberg.exceptions import ValidationError
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as Committed

from spark_apps.checkpoint import NOTHING
from spark_apps.marks import PREFIX
from spark_apps.recovery.heads import Metadata, NotRead
from spark_apps.recovery.left import Marked
from spark_apps.streams import Snapshot

UNREADABLE = (
    *(FileNotFoundError, BadGzipFile, zlib.error, EOFError),
    *(ValueError, LookupError, ValidationError),
)
"""What reading a file that is away, cut or another one raises."""
EXPIRED = -2
"""The parent of a snapshot whose parent is not kept any more."""


class StoreAway(Exception):
    """The object store does not answer; the message says what to do."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of rows, as the tables' manifests have it."""

    location: str
    bytes: int
    rows: int


class Objects:
    """The store of all tables; it answers what `recovery.heads` asks.

    Each question may raise StoreAway: then nothing is known of what was asked for.
    """

    def __init__(self, properties: Mapping[str, str]) -> None:
        self.io = PyArrowFileIO(dict(properties))
        self.warehouse = properties["warehouse"].rstrip("/")

    def sizes(self, folder: str) -> Mapping[str, int]:
        """Return the size in bytes of each file below a folder, by its location."""
        system, path = self._within(folder)
        with answering():
            found = system.get_file_info(
                FileSelector(path, allow_not_found=True, recursive=True)
            )
        return {
            f"{folder}{each.path[len(path):]}": int(each.size)
            for each in found
            if each.type is FileType.File
        }

    def list(self, folder: str) -> frozenset[str]:
        """Return where each file below a folder is; nothing if it does not exist."""
        return frozenset(self.sizes(folder))

    def metadata(self, location: str) -> Metadata:
        """Return what a metadata file says.

        Raises:
            NotRead: it, or a manifest list that it names, cannot be read.
        """
        try:
            with answering():
                return self._metadata(location)
        except UNREADABLE as error:
            raise NotRead(f"{location}: {first_line(error)}") from error

    def _metadata(self, location: str) -> Metadata:
        said = FromInputFile.table_metadata(self.io.new_input(location))
        now = said.snapshot_by_id(said.current_snapshot_id or NOTHING)
        manifests = now.manifests(self.io) if now is not None else ()
        parts = {each.manifest_list for each in said.snapshots}
        before = [each.metadata_file for each in said.metadata_log]
        return Metadata(
            location=location,
            uuid=str(said.table_uuid),
            updated_ms=int(said.last_updated_ms),
            before=before[-1] if before else "",
            parts=frozenset(parts | {each.manifest_path for each in manifests}),
        )

    def files(self, snapshot: Committed) -> Sequence[DataFile]:
        """Return the files of rows, and of deletions, that a snapshot stands on.

        Raises:
            NotRead: a manifest of it cannot be read.
        """
        try:
            with answering():
                return [
                    DataFile(
                        location=str(entry.data_file.file_path),
                        bytes=int(entry.data_file.file_size_in_bytes),
                        rows=int(entry.data_file.record_count),
                    )
                    for manifest in snapshot.manifests(self.io)
                    for entry in manifest.fetch_manifest_entry(self.io)
                ]
        except UNREADABLE as error:
            raise NotRead(f"a manifest is gone: {first_line(error)}") from error

    def rows_in(self, location: str) -> int:
        """Return how many rows a file of Parquet says that it has.

        Raises:
            NotRead: it is none, or is not there.
        """
        system, path = self._within(location)
        try:
            with answering(), system.open_input_file(path) as file:
                return int(ParquetFile(file).metadata.num_rows)
        except UNREADABLE as error:
            raise NotRead(f"{location}: {first_line(error)}") from error

    def _within(self, location: str) -> tuple[FileSystem, str]:
        """Return the file system of a location, and its name in it."""
        scheme, host, path = PyArrowFileIO.parse_location(location)
        return self.io.fs_by_scheme(scheme, host), path


@contextmanager
def answering() -> Iterator[None]:
    """Tell a store that is away from a file that is: StoreAway is of the former."""
    try:
        yield
    except UNREADABLE:
        raise
    except OSError as error:
        raise StoreAway(
            f"the object store does not answer ({first_line(error)}), so that nothing "
            "is known of the backup: ./bullion status, then drill again"
        ) from error


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def line_of(table: Table) -> tuple[Snapshot, ...]:
    """Return the table's snapshots, as far as they are kept, the head first."""
    line: list[Snapshot] = []
    at = table.current_snapshot()
    while at is not None:
        line.append(snapshot(at))
        parent = line[-1].parent_id
        at = table.snapshot_by_id(parent) if parent is not None else None
    return tuple(line)


def snapshot(of: Committed) -> Snapshot:
    """Return a snapshot in the words of the streams."""
    said = notes(of)
    parent = of.parent_snapshot_id
    if parent is None and (of.sequence_number or 1) > 1:
        # pyiceberg takes the parent's id away when the parent expires.
        parent = EXPIRED
    return Snapshot(
        of.snapshot_id,
        parent,
        str(of.summary.operation.value) if of.summary else "",
        int(said.get("added-data-files", 0)),
        of.timestamp_ms,
        said.get(f"{PREFIX}query-id", ""),
        int(said.get(f"{PREFIX}batch-id", NOTHING)),
        int(said.get("added-records", 0)),
    )


def notes(of: Committed) -> Mapping[str, str]:
    return of.summary.additional_properties if of.summary else {}


def marked(table: Table, address: str, stream: str) -> list[Marked]:
    """Return the snapshots of a table that carry a stream's mark."""
    return [
        Marked(address, each.timestamp_ms, notes(each))
        for each in table.snapshots()
        if notes(each).get(f"{PREFIX}stream") == stream
    ]
