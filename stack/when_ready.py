"""Starts a program once what it needs answers: `when_ready PROBE... -- PROGRAM...`.

A probe is `tcp:PORT`, `http:URL` or `file:PATH`. supervisord orders starts but waits
for nothing, so each program waits for itself, at the first start and at each restart.
"""

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path


def answers(probe: str) -> bool:
    """Return whether what the probe names is there now."""
    kind, _, where = probe.partition(":")
    match kind:
        case "tcp":
            with socket.socket() as one:
                one.settimeout(1)
                return one.connect_ex(("127.0.0.1", int(where))) == 0
        case "http":
            try:
                with urllib.request.urlopen(where, timeout=5) as answer:
                    return bool(answer.status < 400)
            except (urllib.error.URLError, OSError):
                return False
        case "file":
            return Path(where).exists()
    raise ValueError(f"a probe is tcp:, http: or file:, and not {probe!r}")


def main(words: Sequence[str]) -> None:
    """Wait for the probes, then become the program."""
    split = words.index("--")
    for probe in words[:split]:
        while not answers(probe):
            time.sleep(0.5)
    program = words[split + 1 :]
    os.execvp(program[0], list(program))


if __name__ == "__main__":
    main(sys.argv[1:])
