"""Which of a table's metadata files is the newest that counts.

A commit writes the file of the next version, and then lets the catalog point at it. So
there may be files that never counted: of a writer that died in between, or that lost
against another one. Such a file follows one that counted; it is never more than one
version ahead. To take it for the newest commit does no harm where its writer died: the
batch finds its mark when it is done again. One whose writer lost has had its manifests
deleted, or has a rival of the same version, which later versions name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

VERSION = re.compile(r"/v?(\d+)[^/]*\.metadata\.json(\.gz)?$")
"""The catalog's names, such as 00012-<uuid>.gz.metadata.json; without one, v12."""


class NotRead(Exception):
    """A file is not there, or is not what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What one metadata file says of its table."""

    location: str
    uuid: str
    updated_ms: int
    before: str
    """The metadata file that it followed; empty for the first."""
    parts: frozenset[str]
    """The manifest lists of all snapshots, and the manifests of the current one."""


class Files(Protocol):
    """Where a table's files are listed and read."""

    def list(self, folder: str) -> frozenset[str]: ...

    def metadata(self, location: str) -> Metadata: ...


class NoHead(Exception):
    """No metadata of a table is whole: its files are lost, and not its pointer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The metadata that counts, and what a person should know of the choice."""

    location: str
    doubts: tuple[str, ...] = ()


def head(files: Files, folder: str, pointer: str = "") -> Head | None:
    """Return the newest metadata of the table in a folder; None if there is no table.

    `pointer` is where a catalog, or its backup, last knew it to be.

    Raises:
        NoHead: there was a table, and none of its newest metadata is whole.
    """
    listing = files.list(f"{folder}/metadata")
    named = versions(listing)
    if not named:
        if pointer:
            raise NoHead(f"{pointer} is gone, and so is all metadata in {folder}")
        return None
    newest = max(named)
    if pointer and version(pointer) > newest:
        raise NoHead(
            f"the catalog knew {pointer}, and the newest in {folder} is version "
            f"{newest}: the object store has lost files, restore those first"
        )
    doubts: list[str] = []
    for number in (newest, newest - 1):
        whole = []
        for location in named.get(number, ()):
            try:
                whole.append(checked(files.metadata(location), listing))
            except NotRead as why:
                doubts.append(f"passed over: {why}")
        if whole:
            return chosen(whole, pointer, doubts)
        if pointer and version(pointer) >= number:
            # What a catalog knew did count: to go behind it would lose its rows.
            break
    raise NoHead(f"no whole metadata in {folder}: {'; '.join(doubts)}")


def chosen(whole: list[Metadata], pointer: str, doubts: Iterable[str]) -> Head:
    """Return the one that the catalog knew, or else the one that was written last."""
    known = [each for each in whole if each.location == pointer]
    best = known[0] if known else max(whole, key=lambda each: each.updated_ms)
    rivals = [each.location for each in whole if each is not best]
    if rivals and not known:
        doubts = (*doubts, f"taken for the newest, against {', '.join(rivals)}")
    return Head(location=best.location, doubts=tuple(doubts))


def checked(said: Metadata, listing: frozenset[str]) -> Metadata:
    """Return the metadata if all files are there that it stands on.

    Raises:
        NotRead: the message names one that is missing.
    """
    missing = sorted(said.parts - listing)
    if missing:
        raise NotRead(
            f"{said.location} lacks {len(missing)} of its files, such as {missing[0]}"
        )
    return said


def versions(listing: Iterable[str]) -> Mapping[int, list[str]]:
    """Return the metadata files by version."""
    found: dict[int, list[str]] = {}
    for location in sorted(listing):
        if VERSION.search(location):
            found.setdefault(version(location), []).append(location)
    return found


def version(location: str) -> int:
    """Return how many commits a metadata file counts, by its name."""
    said = VERSION.search(location)
    if not said:
        raise NoHead(f"{location} is no name of a metadata file")
    return int(said[1])
