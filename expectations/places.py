"""Where streams keep their notes: a folder on the disk, or one in an S3 store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Self

from pyarrow.fs import (
    FileSelector,
    FileSystem,
    FileType,
    LocalFileSystem,
    S3FileSystem,
)

SCHEME = "s3a://"
"""As Hadoop's S3 client, which writes the checkpoints, spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """An S3 store, and how to enter it; its keys are never shown."""

    endpoint: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return the store that the settings name; KeyError names what they lack."""
        return cls(
            endpoint=env["BULLION_S3_ENDPOINT"],
            region=env.get("BULLION_S3_REGION") or "us-east-1",
            access_key=env["BULLION_S3_ACCESS_KEY"],
            secret_key=env["BULLION_S3_SECRET_KEY"],
        )


@dataclass(frozen=True, slots=True)
class ObjectFolder:
    """A folder or file in an S3 store, with as much of `Path` as readers of notes need.

    It may be pickled: it holds no connection.
    """

    url: str
    store: Store

    def __truediv__(self, name: str) -> Self:
        return replace(self, url=f"{self.url.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        return self.url.rstrip("/").rsplit("/", 1)[-1]

    @property
    def key(self) -> str:
        """Bucket and path, as the store's own client names them."""
        return self.url.removeprefix(SCHEME).rstrip("/")

    def exists(self) -> bool:
        """Return whether it is a file, or there is anything below it."""
        return self._kind() is not FileType.NotFound

    def is_file(self) -> bool:
        return self._kind() is FileType.File

    def is_dir(self) -> bool:
        """Return whether there is anything below it."""
        return self._kind() is FileType.Directory

    def _kind(self) -> FileType:
        return opened(self.store).get_file_info(self.key).type

    def glob(self, pattern: str) -> Iterator[Self]:
        """Yield what lies right below it and has such a name; nothing if it is away."""
        selector = FileSelector(self.key, allow_not_found=True)
        for found in opened(self.store).get_file_info(selector):
            if fnmatchcase(found.base_name, pattern):
                yield self / found.base_name

    def read_text(self) -> str:
        """Return the text of the file; FileNotFoundError if there is none."""
        with opened(self.store).open_input_file(self.key) as file:
            return bytes(file.read()).decode()


Folder = Path | ObjectFolder


def folder(place: str, env: Mapping[str, str]) -> Folder:
    """Return the folder at a path or `s3a://` URL; the settings say how to enter."""
    if place.startswith(SCHEME):
        return ObjectFolder(place, Store.read(env))
    return Path(place)


def within(folder: Folder) -> tuple[FileSystem, str]:
    """Return the file system of a folder or file, and its name in it."""
    match folder:
        case ObjectFolder():
            return opened(folder.store), folder.key
        case Path():
            return LocalFileSystem(), str(folder)


def modified(file: Folder) -> datetime:
    """Return when a file was last written; UTC, aware."""
    system, path = within(file)
    when: datetime = system.get_file_info(path).mtime
    return when


@cache
def opened(store: Store) -> S3FileSystem:
    """Return a client of the store; its connections are kept for the next question."""
    return S3FileSystem(
        endpoint_override=store.endpoint,
        region=store.region,
        access_key=store.access_key,
        secret_key=store.secret_key,
    )
