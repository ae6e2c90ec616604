"""Spark's classes, read and verified once, and then mapped by each of its processes.

Class data sharing (JEP 310): without it a third of the processor time of a start is
spent on loading some 25,000 classes. The archive is only ever a shortcut: a JVM that
does not find it as it was made (other jars, another Java) loads its classes as usual.
"""

import gzip
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console

from stack.environments import LOCKS
from stack.java import archive, class_path, runtime
from stack.place import Place
from stack.steps import fingerprint

LIST = LOCKS / "spark-classes.gz"
"""The names of the classes that lanes, streams and bootstrap load, one a line."""
BY_CHANCE = ("$Proxy", "GeneratedClass", "$Species_")
"""Parts of names that a JVM gives anew in each process."""
FAILED = "failed: "
console = Console(stderr=True)


def keep(place: Place, classes: Path = LIST) -> None:
    """Make the archive, unless it was made from just these jars, classes and Java.

    If it cannot be made, that is said, and tried again when one of these is another:
    Spark then starts as it would without it.
    """
    file = archive(place)
    mark, now = file.with_suffix(".made-from"), inputs(place, classes)
    before = mark.read_text() if mark.exists() else ""
    if (before == now and file.exists()) or before == f"{FAILED}{now}":
        return
    file.unlink(missing_ok=True)
    with console.status("archiving Spark's classes: once, about half a minute"):
        said = dump(place, classes, file)
    if said:
        console.print(
            f"[yellow]Spark's classes could not be archived:[/] {said}. Everything "
            "works without, and starts some seconds later."
        )
    mark.write_text(f"{FAILED}{now}" if said else now)


def inputs(place: Place, classes: Path) -> str:
    """Return a name for all that the JVM compares when it is given an archive."""
    folders = (Path(word[:-2]) for word in class_path(place).split(":"))
    jars = sorted(
        (str(jar), jar.stat().st_size, jar.stat().st_mtime_ns)
        for folder in folders
        for jar in folder.glob("*.jar")
    )
    java = runtime(place)
    return fingerprint(classes, java / "release", str(java), repr(jars))


def dump(place: Place, classes: Path, file: Path) -> str:
    """Write the archive; return what went wrong, or nothing."""
    names = file.with_suffix(".classes")
    new = file.with_suffix(".new")
    names.write_bytes(gzip.decompress(classes.read_bytes()))
    words = (
        *(str(runtime(place) / "bin/java"), "-Xshare:dump"),
        # The collector of those who will use it; one pass needs no better code.
        *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx1g"),
        *(f"-XX:SharedClassListFile={names}", f"-XX:SharedArchiveFile={new}"),
        *("-Xlog:disable", "-Xlog:all=error:stderr", "-cp", class_path(place)),
    )
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    names.unlink()
    if done.returncode or not new.exists():
        new.unlink(missing_ok=True)
        last = (done.stderr + done.stdout).strip().splitlines()[-1:]
        return last[0] if last else f"java ended with {done.returncode}"
    new.replace(file)
    return ""


def merged(lists: Iterable[Path]) -> Iterator[str]:
    """Return what lists that JVMs wrote have in common for an archive, sorted.

    Left out are classes of other loaders (the JVM archives none by name) and those
    whose names are chance.
    """
    names, calls = set(), set()
    for file in lists:
        for line in file.read_text().splitlines():
            if line.startswith("@lambda"):
                calls.add(line)
            elif line and line[0] not in "#@" and " source: " not in line:
                names.add(line.split()[0])
    yield from sorted(n for n in names if not any(part in n for part in BY_CHANCE))
    yield from sorted(calls)


if __name__ == "__main__":
    # For whoever changes a jar: run the stack for some minutes with
    # BULLION_CLASS_LISTS=FOLDER, take it down, and name the files that lie there.
    text = "".join(f"{line}\n" for line in merged(map(Path, sys.argv[1:])))
    LIST.write_bytes(gzip.compress(text.encode(), mtime=0))
