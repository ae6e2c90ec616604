"""A real S3 store for a test: SeaweedFS on free ports, its objects in a folder."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pyarrow.fs import FileSelector

from expectations.places import Store, opened

NAMES = ("s3", "filer", "master", "volume")


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens now, each another one."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def seaweed(folder: Path) -> Iterator[Store]:
    """Run a store with a bucket `lake` until the block ends."""
    store_keys = {"accessKey": "key-of-a-test", "secretKey": "secret-of-a-test"}
    identity = {"name": "lake", "credentials": [store_keys], "actions": ["Admin"]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(2 * len(NAMES))
    flags = {"dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1"}
    flags |= {"s3.config": config, "bucket": "lake", "s3.port.iceberg": 0}
    flags |= {"s3.port.lance": 0, "admin.ui": "false", "webdav": "false"}
    flags |= {"master.telemetry": "false", "s3.localSocket": folder / "s3.sock"}
    flags |= {"filer.localSocket": folder / "filer.sock"}
    for name, plain, grpc in zip(NAMES, ports[::2], ports[1::2], strict=True):
        flags |= {f"{name}.port": plain, f"{name}.port.grpc": grpc}
    words = [str(Path(sys.executable).with_name("weed")), "-logtostderr=true", "mini"]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            [*words, *(f"-{name}={value}" for name, value in flags.items())],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            store = Store(
                endpoint=f"http://127.0.0.1:{ports[0]}",
                region="us-east-1",
                access_key=store_keys["accessKey"],
                secret_key=store_keys["secretKey"],
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
