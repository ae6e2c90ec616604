"""`./bullion logs NAME`: the end of a program's log, and what comes."""

import subprocess

from rich.console import Console

from stack.place import Place

console = Console()


def show(place: Place, name: str | None, lines: int, follow: bool) -> int:
    """Print the last lines of a program's log; return the exit code."""
    have = sorted(file.stem for file in place.logs.glob("*.log"))
    if name is None:
        console.print("logs of: " + ", ".join(have) if have else "no logs yet")
        return 0
    if name not in have:
        console.print(f"no log of {name!r}; there are: {', '.join(have) or 'none yet'}")
        return 1
    words = ["tail", "-n", str(lines), *(["-F"] if follow else [])]
    file = place.logs / f"{name}.log"
    return subprocess.run([*words, str(file)], check=False).returncode
