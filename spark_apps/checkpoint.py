"""The notes that Spark keeps of a stream: who it is, and how far it has come."""

import json
from dataclasses import dataclass
from datetime import datetime

from expectations.places import Folder, modified

NOTHING = -1
"""The snapshot id of a reader that has read nothing yet."""
BEGINNING = json.dumps(
    {"version": 1, "snapshot_id": NOTHING, "position": NOTHING, "scan_all_files": False}
)
"""That reader's place, as Iceberg notes it."""


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a stream has read: some files of one snapshot."""

    snapshot_id: int = NOTHING
    files: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The folder of one stream, on its driver's disk or in an S3 store."""

    path: Folder

    @property
    def exists(self) -> bool:
        return (self.path / "offsets").is_dir() and bool(self._numbers("offsets"))

    @property
    def query_id(self) -> str:
        """The stream's identity; another checkpoint is another stream."""
        return str(json.loads((self.path / "metadata").read_text())["id"])

    @property
    def last_batch(self) -> int:
        """Number of the last batch that was carried to its end, or -1."""
        return max(self._numbers("commits"), default=-1)

    @property
    def begun_batch(self) -> int:
        """Number of the batch that was begun and not ended, or -1.

        The next run does it again. Spark notes a batch before it begins it, so that no
        other batch can have left anything in a table.
        """
        newest = self.newest_batch
        return newest if newest > self.last_batch else -1

    @property
    def newest_batch(self) -> int:
        """Number of the newest batch that was begun, ended or not; -1 for none."""
        return max(self._numbers("offsets"), default=-1)

    def begun_at(self, batch: int) -> datetime:
        """Return when a batch was begun for the first time; UTC, aware."""
        return modified(self.path / "offsets" / str(batch))

    def reach(self, batch: int) -> dict[str, str]:
        """Return the stream's name, and from where to where one batch reads.

        As Spark noted it before the batch began; from this a lost checkpoint is made
        again.
        """
        begin, end = (self.path / "offsets" / str(n) for n in (batch - 1, batch))
        return {
            "stream": self.path.name,
            "read-from": _noted(begin) if begin.exists() else BEGINNING,
            "read-to": _noted(end),
        }

    def consumed(self) -> Position:
        """Return up to where batches were carried to their end."""
        last = self.last_batch
        return _position(self.path / "offsets" / str(last)) if last >= 0 else Position()

    def first(self) -> Position:
        """Return where the stream began: it is lost if that snapshot expires."""
        return _position(self.path / "sources/0/offsets/0")

    def _numbers(self, folder: str) -> list[int]:
        found = (self.path / folder).glob("[0-9]*")
        return [int(file.name) for file in found if file.name.isdigit()]


def _position(file: Folder) -> Position:
    return position(_noted(file))


def _noted(file: Folder) -> str:
    """Return a place as Iceberg noted it: one line of JSON, behind Spark's own."""
    return file.read_text().splitlines()[-1]


def position(noted: str) -> Position:
    """Return the place that a note of Iceberg's means."""
    offset = json.loads(noted)
    return Position(int(offset["snapshot_id"]), int(offset["position"]))
