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
    warm = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if words[:1] != ["-m"]:
            raise ConnectionError
        warm.connect(path)
        told = {
            "words": words,
            "env": {**os.environ, STARTER: str(os.getpid())},
            "folder": os.getcwd(),
        }
        files = array.array("i", [0, 1, 2])
        said = json.dumps(told).encode() + b"\n"
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, files.tobytes())
        sent = warm.sendmsg([said], [rights])
        warm.sendall(said[sent:])
    except OSError:
        os.execv(python, [python, *words])
    code = warm.recv(1)
    return code[0] if code else 1


if __name__ == "__main__":
    os._exit(main())
