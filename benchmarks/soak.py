"""Half an hour of faults, seeded; then gold is compared with the simulator's truth.

    ./bullion bench soak [--faults 220] [--every 8] [--kills 12] [--seed 7] [--rate 40]

A stack of its own, on free ports. The simulator does to its connections and its REST
what exchanges do (`simulator/torture.py`), and capture processes get SIGKILL meanwhile.
At the end every symbol of every exchange is compared, trade by trade: none missing,
none twice, none changed, every gap closed. The exit code is 1 if that never comes.
"""

import json
import random
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path

from rich.console import Console
from rich.table import Table

from schemas.exchange import usual_exchanges
from tests.stack.laptop import Laptop, kill
from tests.stack.promises import Compared, compared, doubled, goes_on, last_ids
from tests.stack.promises import open_gaps as still_open
from tests.stack.promises import pid_of, tortured

PATIENCE = 20 * 60
"""Seconds after the last fault within which all must be there."""


def main() -> int:
    """Torture, wait, compare, print; return 1 if gold is not the truth."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=220)
    parser.add_argument("--every", type=float, default=8)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=int, default=40)
    parser.add_argument("--home", type=Path, help="kept afterwards")
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp(prefix="bullion-soak-")) / "home"
    laptop = Laptop(home, {"BULLION_LANE_SECONDS": "20"})
    try:
        laptop.run("up", "--feed", "simulated", "--rate", str(asked.rate))
        goes_on(laptop)
        order = {"seed": asked.seed, "faults": asked.faults, "every": asked.every}
        laptop.control("torture", order)
        began = time.monotonic()
        dice = random.Random(asked.seed)
        lasts = asked.faults * asked.every
        moments = sorted(dice.uniform(0, lasts) for _ in range(asked.kills))
        killed = 0
        while left := int(tortured(laptop)["left"]):
            if moments and time.monotonic() - began > moments[0]:
                moments.pop(0)
                name = f"capture-{dice.choice(usual_exchanges())}"
                kill(pid_of(laptop, name))
                killed += 1
                print(
                    f"{time.strftime('%X')} killed {name}; {left} to come", flush=True
                )
            time.sleep(2)
        took = time.monotonic() - began
        print(f"{asked.faults} faults and {killed} kills in {took:.0f} s", flush=True)
        print(json.dumps(tortured(laptop)["done"], indent=1), flush=True)
        until = last_ids(laptop)
        rows, waited = waited_for(laptop, until)
        show(rows)
        twice = doubled(laptop)
        left_open = still_open(laptop)
        print(f"as the truth {waited:.0f} s after the last fault")
        print(laptop.run("completeness", "--json", check=False))
        print(
            json.dumps({"doubled": twice[:5], "open gaps": left_open[:5]}, default=str)
        )
        broken = [row for row in rows if row.missing or row.unknown or row.changed]
        return int(bool(broken or twice or left_open))
    finally:
        laptop.run("down")
        if asked.home is None:
            shutil.rmtree(home.parent)


def waited_for(
    laptop: Laptop, until: dict[str, dict[str, int]]
) -> tuple[list[Compared], float]:
    """Return the comparison once it holds, or as it is when patience ends."""
    began = time.monotonic()
    while True:
        rows = [row for name in until for row in compared(laptop, name, until[name])]
        missing = sum(row.missing for row in rows)
        gaps = len(still_open(laptop))
        waited = time.monotonic() - began
        print(f"{waited:.0f} s: {missing} missing, {gaps} gaps open", flush=True)
        if not missing and not gaps or waited > PATIENCE:
            return rows, waited
        time.sleep(15)


def show(rows: list[Compared]) -> None:
    table = Table(title="gold against the truth", title_justify="left")
    for name in ("exchange", "symbol", "happened", "missing", "unknown", "changed"):
        table.add_column(name, justify="left" if name[1] in "xy" else "right")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=100).print(table)


if __name__ == "__main__":
    sys.exit(main())
