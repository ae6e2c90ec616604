"""A real S3 store for a test: the laptop's own, on free ports, in a folder."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyarrow.fs import FileSelector

from expectations.places import Store, opened
from stack import files, secrets
from stack.place import Place
from stack.programs import s3
from tests.laptop.ports import free_ports


@contextmanager
def seaweed(folder: Path) -> Iterator[Store]:
    """Run a store with a bucket `lake` until the block ends."""
    ports = {f"BULLION_PORT_{name}": str(port) for name, port in free_ports().items()}
    place = Place.read({**ports, "BULLION_HOME": str(folder)})
    files.write_all(place)
    program, keys = s3(place), secrets.kept(place)
    weed = str(Path(sys.executable).with_name("weed"))
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            [weed, *program.command[1:]],
            env=os.environ | dict(program.env),
            cwd=program.folder,
            stdout=log,
            stderr=log,
        )
        try:
            store = Store(
                endpoint=f"http://127.0.0.1:{place.ports['S3']}",
                region="us-east-1",
                access_key=keys["s3_access_key"],
                secret_key=keys["s3_secret_key"],
            )
            await_bucket(store, process)
            yield store
        finally:
            process.terminate()
            process.wait()


def await_bucket(store: Store, process: "subprocess.Popen[bytes]") -> None:
    """Return once the bucket can be listed."""
    while True:
        assert process.poll() is None, "weed ended; see weed.log"
        try:
            buckets = opened(store).get_file_info(FileSelector(""))
            if "lake" in {each.path for each in buckets}:
                return
        except OSError:
            pass  # it is coming up
        time.sleep(0.2)
