"""The processes of a home, also those that nobody supervises any more."""

import os
import signal
from pathlib import Path

import psutil

from stack.place import Place


def end_leftovers(place: Place) -> None:
    """End the processes of this home that nobody supervises any more."""
    left = belonging(place)
    for process in left:
        send(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(left, timeout=20)
    for process in alive:
        send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=10)


def send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return  # it ended by itself in between


def belonging(place: Place) -> list[psutil.Process]:
    """Return the processes whose environment names this home, but not this one.

    Only what `up` started carries that variable; a shell of the user does not,
    and ancestors of this process are left alone.
    """
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    mark = f"BULLION_STACK={place.home}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) not in mine and mark in (
                folder / "environ"
            ).read_bytes().split(b"\0"):
                found.append(psutil.Process(int(folder.name)))
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


def listening(place: Place) -> set[int]:
    """Return the ports on which processes of this home listen."""
    ports = set()
    for process in belonging(place):
        try:
            sockets = process.net_connections("tcp")
        except psutil.Error:
            continue  # it ended, or is another user's
        ports |= {s.laddr.port for s in sockets if s.status == psutil.CONN_LISTEN}
    return ports
