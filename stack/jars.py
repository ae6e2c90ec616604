"""The jars: fetched by the Ivy in the pyspark wheel, held to a committed lock."""

import hashlib
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from stack.environments import LOCKS, NotFetched
from stack.java import make_home, truststore
from stack.place import Place

LOCK = LOCKS / "jars.lock"
PATTERN = "[conf]/[artifact]-[revision](-[classifier]).[ext]"
console = Console(stderr=True)


def locked(lock: Path = LOCK) -> dict[str, str]:
    """Return the SHA-256 of each file, by its path below the jars."""
    pairs = (line.split() for line in lock.read_text().splitlines())
    return {path: digest for digest, path in pairs}


def digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def wrong(folder: Path, lock: Path = LOCK) -> list[str]:
    """Return the files that are missing, or are not what the lock says."""
    return [
        path
        for path, digest in locked(lock).items()
        if not (folder / path).is_file() or digest_of(folder / path) != digest
    ]


def fetch(place: Place) -> None:
    """Make `<home>/jars` hold exactly what the lock says, and unpack what is packed.

    Raises:
        NotFetched: a file could not be fetched, or is not the one that was locked.
    """
    make_home(place)
    if hold(place, place.jars, LOCKS / "ivy.xml", LOCK):
        shutil.rmtree(place.jars / "unpacked", ignore_errors=True)
    with console.status("unpacking the registry and the pages' assets"):
        unpack(place)


def hold(place: Place, folder: Path, module: Path, lock: Path) -> bool:
    """Make a folder hold what the lock of an Ivy module says; return if it did not.

    Nothing is asked of the network when every file is there and right.

    Raises:
        NotFetched: a file could not be fetched, or is not the one that was locked.
    """
    with console.status("comparing the jars with their lock"):
        bad = wrong(folder, lock)
    if not bad:
        return False
    for path in bad:
        (folder / path).unlink(missing_ok=True)
    console.print(f"[bold]fetching jars[/]: {len(bad)} of {len(locked(lock))}")
    ivy(place, folder, module)
    still = wrong(folder, lock)
    if still:
        shutil.rmtree(place.cache / "ivy", ignore_errors=True)
        raise NotFetched(
            f"{len(still)} jars are missing or not the ones in {lock.name}, "
            f"such as {still[0]}. They and Ivy's cache are thrown away: run the "
            "same command again. If it happens twice, something between you and "
            "the registry changes files; do not use them."
        )
    return True


def ivy(place: Place, folder: Path, module: Path) -> None:
    """Let Ivy resolve a module and retrieve its jars; it shows each download.

    Raises:
        NotFetched: Ivy ended with an error, such as a registry out of reach.
    """
    (jar,) = (place.packages("spark") / "pyspark/jars").glob("ivy-*.jar")
    words = [
        str(place.java / "bin/java"),
        f"-Djavax.net.ssl.trustStore={truststore(place)}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        *("-jar", str(jar), "-ivy", str(module)),
        *("-cache", str(place.cache / "ivy")),
        *("-retrieve", str(folder / PATTERN)),
    ]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    said = list(shown(process.stdout))
    if process.wait() or any("UNRESOLVED" in line for line in said):
        last = "\n".join(line for line in said if "WARN" in line or "ERROR" in line)
        raise NotFetched(
            f"{last[-2000:]}\nthe jars could not be fetched. Is the registry "
            "reachable (network, HTTPS_PROXY, SSL_CERT_FILE)? Then run the same "
            "command again: what has come is kept."
        )


def shown(lines: Iterator[str]) -> Iterator[str]:
    """Pass Ivy's lines on, and show how far it is."""
    with console.status("Ivy resolves") as status:
        for count, line in enumerate(lines):
            if "downloading" in line or "SUCCESSFUL" in line:
                status.update(f"Ivy: {line.split('/')[-1].strip()[:70]} ({count})")
            yield line.rstrip()


def unpack(place: Place) -> None:
    """Unpack the registry and the pages' assets, unless that was done."""
    done = place.jars / "unpacked"
    if done.exists():
        return
    for archive in (place.jars / "registry").glob("*.tar.gz"):
        with tarfile.open(archive) as opened:
            # Its digest is locked; filters came with 3.11.4, and Debian has 3.11.2.
            opened.extractall(place.jars / "registry")
    for jar in (place.jars / "webjars").glob("*.jar"):
        with zipfile.ZipFile(jar) as opened:
            wanted = [
                name
                for name in opened.namelist()
                if name.startswith("META-INF/resources/")
            ]
            opened.extractall(place.jars / "webjars", wanted)
    done.touch()


def write_lock(
    folder: Path,
    lock: Path = LOCK,
    confs: Sequence[str] = ("spark", "kafka", "registry", "webjars"),
) -> None:
    """Write a lock from what lies there; for whoever changes a module."""
    files = sorted(
        file
        for conf in confs
        for file in (folder / conf).glob("*")
        if file.suffix in {".jar", ".gz"} and file.name != "quarkus-run.jar"
    )
    lines = (f"{digest_of(file)}  {file.relative_to(folder)}\n" for file in files)
    lock.write_text("".join(lines))
