"""What Spark starts instead of Python: lets a warm one do it, or becomes a cold one.

    warm_start.py PYTHON SOCKET -m MODULE ...

Only what starts at once is imported here.
"""

import array
import json
import os
import socket
import sys

STARTER = "WARM_STARTER_PID"
"""Variable of a helper: the pid of this program, below the driver that started it."""


def main() -> int:
    """Return the helper's exit code; without a warm Python, become a cold one."""
    python, path, *words = sys.argv[1:]
    warm = asked(path, words) if words[:1] == ["-m"] else None
    if warm is None:
        os.execv(python, [python, *words])
    code = warm.recv(1)
    return code[0] if code else 1


def asked(path: str, words: list[str]) -> socket.socket | None:
    """Ask the warm Python at a socket to run these words; None if none is there."""
    warm = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    env = {**os.environ, STARTER: str(os.getpid())}
    told = {"words": words, "env": env, "folder": os.getcwd()}
    files = array.array("i", [0, 1, 2])
    said = json.dumps(told).encode() + b"\n"
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, files.tobytes())
    try:
        warm.connect(path)
        sent = warm.sendmsg([said], [rights])
        warm.sendall(said[sent:])
    except OSError:
        return None
    return warm


if __name__ == "__main__":
    os._exit(main())
