"""A Python that has imported what Spark's helpers need, and forks one for each request.

Spark Connect starts a Python for every batch of every lane, which imports PySpark,
pandas and gRPC for a second of processor time before it works. `warm_start` stands in
for that Python: it hands its arguments, environment and open files to this process,
whose fork goes on as if it had been started itself. Nothing of bullion's own is
imported beforehand: each helper reads today's code.
"""

import array
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HELPER = "pyspark.sql.connect.streaming.worker.foreach_batch_worker"
LIMIT = 1024 * 1024
"""Bytes of a request: arguments and environment."""
FILES = 3
"""Standard input, output and error."""


def preload(modules: Sequence[str]) -> None:
    """Import modules and all that they import; their own bodies run again in a fork."""
    for name in modules:
        importlib.import_module(name)
        # It is run as a program, which must not find itself imported.
        del sys.modules[name]
    gc.collect()
    gc.freeze()


def serve(path: Path) -> None:
    """Fork a helper for each connection, until this process is ended.

    A helper whose starter is gone is killed: Spark ends helpers by ending what it
    started.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(64)
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(woken, selectors.EVENT_READ)
    starters: dict[int, socket.socket] = {}
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                starter, _address = listener.accept()
                try:
                    asked = request(starter)
                except OSError as why:
                    print(f"a starter was not understood: {why}", file=sys.stderr)
                    starter.close()
                    continue
                ours = (listener, woken, wake, starter, *starters.values())
                pid = forked(asked, ours)
                starters[pid] = starter
                waiting.register(starter, selectors.EVENT_READ, pid)
            elif key.fileobj is woken:
                woken.recv(4096)
                for pid, code in ended():
                    if pid in starters:
                        tell(starters[pid], code)
                        waiting.unregister(starters[pid])
                        starters.pop(pid).close()
            elif key.data in starters:
                # It says nothing after its request: its end is all that can be read.
                waiting.unregister(key.fileobj)
                starters.pop(key.data).close()
                os.kill(key.data, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Request:
    """What a starter asks for: a program, and where it is to run."""

    words: list[str]
    env: dict[str, str]
    folder: str
    files: "array.array[int]"
    """Descriptors of its standard input, output and error."""


def request(starter: socket.socket) -> Request:
    """Return what a starter asks for.

    Raises:
        OSError: it does not say it within seconds.
    """
    starter.settimeout(10)
    files = array.array("i")
    said, control, *_ = starter.recvmsg(LIMIT, socket.CMSG_SPACE(FILES * 4))
    for _, _, content in control:
        files.frombytes(content[: len(content) - len(content) % files.itemsize])
    while not said.endswith(b"\n"):
        more = starter.recv(LIMIT)
        if not more:
            raise ConnectionError("a starter left in the middle of its request")
        said += more
    told = json.loads(said)
    return Request(told["words"], told["env"], told["folder"], files)


def forked(asked: Request, others: Sequence[socket.socket]) -> int:
    """Fork a helper that does what was asked, and return its pid."""
    pid = os.fork()
    if pid:
        for file in asked.files:
            os.close(file)
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in others:
            other.close()
        for number, file in enumerate(asked.files):
            os.dup2(file, number)
            os.close(file)
        code = became(asked.words, asked.env, asked.folder)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def became(words: Sequence[str], env: Mapping[str, str], folder: str) -> int:
    """Do what `python WORDS` does in that environment and folder; return its code."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.path[:0] = [each for each in env.get("PYTHONPATH", "").split(":") if each]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    flag, module, *rest = words
    assert flag == "-m", words
    sys.argv = [module, *rest]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        match end.code:
            case None:
                return 0
            case int() as code:
                return code
        print(end.code, file=sys.stderr)
        return 1
    return 0


def ended() -> list[tuple[int, int]]:
    """Return the pid and exit code of each helper that has ended since last asked."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


def tell(starter: socket.socket, code: int) -> None:
    """Tell a starter how its helper ended; it may be gone."""
    try:
        starter.sendall(bytes([code if 0 <= code < 256 else 1]))
    except OSError:
        return


if __name__ == "__main__":
    preload([HELPER])
    serve(Path(sys.argv[1]))
