"""Ports on which nothing listens now, one for each of the laptop's."""

import socket
from contextlib import ExitStack

from stack.place import PORTS


def free_ports() -> dict[str, int]:
    """Return a free port by each name that a place has ports for."""
    with ExitStack() as held:
        found = {}
        for name in PORTS:
            one = held.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            found[name] = one.getsockname()[1]
        return found
