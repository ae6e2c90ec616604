"""`./bullion status`: processes and memory, and what the lanes say of themselves."""

import json
import subprocess
import time
from textwrap import shorten
from typing import Any

from rich.box import ROUNDED
from rich.console import Console
from rich.table import Table

from stack import measure, supervisor
from stack.place import Place
from stack.profile import profile
from stack.programs import programs
from stack.settings import environment, feed

console = Console()
OTHER_COLUMNS = 64
"""Characters that a line of a program takes without what it is for."""
NOT_RUNNING = "not running: ./bullion up"


def show(place: Place, as_json: bool) -> int:
    """Print how everything is; return 1 when nothing runs."""
    running = supervisor.is_running(place)
    if not running:
        print(json.dumps({"running": False})) if as_json else console.print(NOT_RUNNING)
        return 1
    if as_json:
        print(json.dumps(whole(place)))
        return 0
    with console.status("asking the processes"):
        told = machine(place)
    console.print(board(place, told))
    console.print(
        f"feed [bold]{told['feed']}[/]; Spark [bold]{told['spark']}[/]; "
        f"resident [bold]{told['memory_mb']:,.0f} MB[/], "
        f"{told['cpu_cores']:.2f} cores busy"
    )
    with console.status("asking the tables"):
        said = lanes(place, "status")
    print(said.stdout.rstrip() or said.stderr.strip())
    return 0


def whole(place: Place) -> dict[str, Any]:
    """Return processes and lanes as one object."""
    said = lanes(place, "status", "--json")
    try:
        told: dict[str, Any] = json.loads(said.stdout)
    except json.JSONDecodeError:
        told = {"lanes": [], "why": (said.stderr or said.stdout).strip()}
    return machine(place) | told


def machine(place: Place) -> dict[str, Any]:
    return {
        "running": True,
        "feed": feed(place)["feed"],
        "spark": profile(place),
        "processes": processes(place),
        "memory_mb": round(measure.whole_mb(place), 1),
        "cpu_cores": round(measure.cores(place), 2),
    }


def processes(place: Place) -> list[dict[str, Any]]:
    """Return each program's state; its memory is that of all it started."""
    told = supervisor.states(place)
    return [
        {
            "name": program.name,
            "state": told[program.name]["statename"],
            "pid": told[program.name]["pid"],
            "uptime_s": (
                max(0, int(time.time()) - told[program.name]["start"])
                if told[program.name]["pid"]
                else 0
            ),
            "memory_mb": (
                round(measure.tree_mb(told[program.name]["pid"]), 1)
                if told[program.name]["pid"]
                else 0.0
            ),
        }
        for program in programs(place)
        if program.name in told
    ]


def lanes(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask the room that reads tables; it lives in the other environment."""
    env = {k: v for k, v in environment(place).items() if k != "BULLION_STACK"}
    if console.is_terminal:
        env |= {"FORCE_COLOR": "1", "COLUMNS": str(console.width)}
    return subprocess.run(
        [str(place.python("airflow")), "-P", "-m", "query", *words],
        env=env | {"COLUMNS": str(console.width if console.is_terminal else 140)},
        capture_output=True,
        text=True,
        check=False,
    )


def board(place: Place, told: dict[str, Any]) -> Table:
    about = {program.name: program.about for program in programs(place)}
    table = Table(
        title="processes", title_justify="left", header_style="bold cyan", box=ROUNDED
    )
    for name in ("name", "state", "pid", "up", "MB"):
        right = name in ("pid", "up", "MB")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    table.add_column("what", no_wrap=True, style="dim")
    # What a program is for gives way where the terminal is narrow.
    room = max(console.width - OTHER_COLUMNS, 0)
    for each in told["processes"]:
        colour = "green" if each["state"] == "RUNNING" else "bold red"
        table.add_row(
            each["name"],
            f"[{colour}]{each['state'].lower()}[/]",
            str(each["pid"] or ""),
            f"{each['uptime_s'] // 60} min" if each["pid"] else "",
            f"{each['memory_mb']:,.0f}",
            shorten(about[each["name"]], room, placeholder=" ..."),
        )
    return table
