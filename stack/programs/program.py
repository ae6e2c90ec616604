"""A program of the laptop as data: what it runs, needs, and how it stops."""

from dataclasses import dataclass, field
from pathlib import Path

from stack.place import REPO

LOCAL = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process that supervisord keeps alive."""

    name: str
    command: tuple[str, ...]
    ready: str
    """Probe that answers once it does its work; see `when_ready`."""
    needs: tuple[str, ...] = ()
    """Probes that must answer before it starts."""
    env: tuple[tuple[str, str], ...] = ()
    folder: Path = REPO
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    about: str = field(default="")
