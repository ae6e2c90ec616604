"""Files of past trades, fetched whole and checked against the exchange's checksum."""

import asyncio
import hashlib
import time
from pathlib import Path

import httpx
import structlog

from ingestion.catalogue import is_local
from ingestion.exchange import Archive, ArchiveUnreadable

log = structlog.get_logger()
PIECE = 1 << 20
TOLD_EVERY = 10.0
PAUSES = (1.0, 5.0)
"""Seconds between the tries of a file."""


class NoSuchFile(Exception):
    """The archive does not have this file (yet); the message says where it was."""


class NotFetched(Exception):
    """A file did not come, or not as its checksum says; the message says why."""


async def fetched(
    archive: Archive,
    at: str,
    paths: tuple[str, str],
    folder: Path,
) -> tuple[Path, str]:
    """Return the file at the first of two paths below `at`, and its SHA-256.

    The second path is its checksum's. A file that is there already, and whole, is not
    fetched again; one that was published anew is.

    Raises:
        NoSuchFile: the archive has none.
        NotFetched: it has, but it did not come whole, try as we might.
    """
    why = ""
    async with httpx.AsyncClient(
        timeout=30, trust_env=not is_local(at), follow_redirects=True
    ) as client:
        for pause in (*PAUSES, 0.0):
            try:
                said = await asked(client, at + paths[1])
                wanted = archive.sha256(said.content)
                file = folder / paths[0].rsplit("/", 1)[1]
                if await asyncio.to_thread(sha256_of, file) != wanted:
                    await download(client, at + paths[0], file, wanted)
                return file, wanted
            except (httpx.HTTPError, ArchiveUnreadable) as error:
                why = str(error) or type(error).__name__
            log.info("archive_again", url=at + paths[0], why=why, in_s=pause)
            await asyncio.sleep(pause)
    raise NotFetched(f"{at + paths[0]} did not come: {why}")


async def asked(client: httpx.AsyncClient, url: str) -> httpx.Response:
    answer = await client.get(url)
    if answer.status_code in (403, 404):
        # A bucket that may not be listed says 403 of what it does not have.
        raise NoSuchFile(f"HTTP {answer.status_code}: {url}")
    return answer.raise_for_status()


async def download(
    client: httpx.AsyncClient, url: str, file: Path, wanted: str
) -> None:
    """Fetch a file beside its place, and move it there if it is what it should be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    told, got, digest = time.monotonic(), 0, hashlib.sha256()
    async with client.stream("GET", url) as answer:
        answer.raise_for_status()
        with part.open("wb") as to:
            async for piece in answer.aiter_bytes(PIECE):
                to.write(piece)
                digest.update(piece)
                got += len(piece)
                if time.monotonic() - told > TOLD_EVERY:
                    told = time.monotonic()
                    log.info("fetching", url=url, mb=got >> 20)
    if digest.hexdigest() != wanted:
        part.unlink()
        raise ArchiveUnreadable(
            f"it has the SHA-256 {digest.hexdigest()}, its CHECKSUM says {wanted}"
        )
    part.replace(file)


def sha256_of(file: Path) -> str:
    """Return a file's checksum; an empty one of what is not there."""
    if not file.is_file():
        return ""
    with file.open("rb") as told:
        return hashlib.file_digest(told, "sha256").hexdigest()
