"""Half an hour of faults, seeded; then gold is compared with the simulator's truth.

    ./bullion bench soak [--faults 220] [--every 8] [--kills 12] [--seed 7] [--rate 40]
                         [--exchanges binance,kraken,coinbase,bybit]

A stack of its own, on free ports. The simulator does to its connections and its REST
what exchanges do (`simulator/torture.py`), and capture processes get SIGKILL meanwhile.
At the end every symbol of every exchange is compared, trade by trade: none missing,
none twice, none changed, every gap closed. The exit code is 1 if that never comes. Of
an exchange whose ids prove nothing, what is missing is told and is no failure: nobody
can know of it.
"""

import json
import random
import sys
import time
from argparse import Namespace
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from benchmarks.own_stack import arguments, own_stack
from schemas.exchange import counts_trades
from tests.stack.laptop import Laptop, kill
from tests.stack.promises import (
    Compared,
    compared,
    doubled,
    goes_on,
    last_ids,
    open_gaps,
    pid_of,
    tortured,
)

PATIENCE = 20 * 60
"""Seconds after the last fault within which all must be there."""


def main() -> int:
    """Torture, wait, compare, print; return 1 if gold is not the truth."""
    parser = arguments(__doc__, rate=40, kills=12, seed=7)
    parser.add_argument("--faults", type=int, default=220)
    parser.add_argument("--every", type=float, default=8, help="seconds, on average")
    asked = parser.parse_args()
    with own_stack(asked) as laptop:
        goes_on(laptop)
        torture(laptop, asked)
        rows, waited = waited_for(laptop, last_ids(laptop))
        show(rows)
        print(f"as the truth {waited:.0f} s after the last fault")
        print(laptop.run("completeness", "--json", check=False))
        told = {"doubled": doubled(laptop)[:5], "open gaps": open_gaps(laptop)[:5]}
        print(json.dumps(told, default=str))
        return int(any(broken(row) for row in rows) or any(told.values()))


def broken(row: Compared) -> bool:
    """Return whether a promise does not hold for a symbol."""
    return bool(
        row.unknown or row.changed or (row.missing and counts_trades(row.exchange))
    )


def torture(laptop: Laptop, asked: Namespace) -> None:
    """Let so many faults happen, and kill capture processes meanwhile."""
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
            name = f"capture-{dice.choice(laptop.exchanges)}"
            kill(pid_of(laptop, name))
            killed += 1
            print(f"{time.strftime('%X')} killed {name}; {left} to come", flush=True)
        time.sleep(2)
    took = time.monotonic() - began
    print(f"{asked.faults} faults and {killed} kills in {took:.0f} s", flush=True)
    print(json.dumps(tortured(laptop)["done"], indent=1), flush=True)


def waited_for(
    laptop: Laptop, until: Mapping[str, Mapping[str, int]]
) -> tuple[list[Compared], float]:
    """Return the comparison once it holds, or as it is when patience ends."""
    began = time.monotonic()
    while True:
        rows = compared(laptop, until)
        missing = sum(row.missing for row in rows if counts_trades(row.exchange))
        gaps = len(open_gaps(laptop))
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
