"""What a flow of trades needs of processors and disks, computed from measured figures.

    ./bullion bench lake --table 0 --runs 0 | grep '^{' > lake.json
    ./bullion bench sizing lake.json --capture 20000 [--flow 700] [--fixed 1.3]

`lake.json` is the line of figures of `bench lake`, `--capture` what a core carries by
`bench capture`, `--flow` the trades a second that count as one, `--fixed` the cores
that lanes keep busy with few trades, by `bench laptop`. Prints a table in Markdown.
"""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from schemas.table import table_at
from schemas.topic import TRADES

COSTS = "core seconds a million rows, services and all"
SIZES = "bytes a trade"
"""What these figures are called in `bench lake`."""
TIMES = (1, 10, 100)
SPARE = 2
"""A core that is half busy catches up in an hour with what an hour away left."""
DAY = timedelta(days=1).total_seconds()
YEAR = timedelta(days=365)
Figures = Mapping[str, Mapping[str, float]]


def sized(
    flow: float, capture: float, fixed: float, figures: Figures
) -> dict[str, str]:
    """Return what a flow needs by what it is: cores on average, GB on disk."""
    busy = {"capture": flow / capture}
    busy |= {step: flow * cost / 1e6 for step, cost in figures[COSTS].items()}
    total = fixed + sum(busy.values())
    return {
        "trades/s": f"{flow:,.0f}",
        "million trades a day": f"{flow * DAY / 1e6:,.0f}",
        **{f"cores busy with {step}": f"{cores:.2f}" for step, cores in busy.items()},
        "cores busy in all": f"{total:.1f}",
        "cores to have": f"{max(2, round(total * SPARE + 0.5)):,}",
        **{
            f"GB of {layer}, {held(layer).days} days": (
                f"{size * flow * held(layer).total_seconds() / 1e9:,.0f}"
            )
            for layer, size in figures[SIZES].items()
        },
    }


def held(layer: str) -> timedelta:
    """Return how long trades are kept there; a year of what is kept for ever."""
    if layer == "kafka":
        return TRADES.kept_for
    return table_at(f"{layer}.trades").kept_for or YEAR


def main() -> None:
    """Print the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path, help="the figures of `bench lake`")
    parser.add_argument("--capture", type=float, required=True, help="trades/s a core")
    parser.add_argument("--flow", type=float, default=700)
    parser.add_argument("--fixed", type=float, default=1.3)
    asked = parser.parse_args()
    figures = json.loads(asked.figures.read_text())
    columns = [
        sized(asked.flow * times, asked.capture, asked.fixed, figures)
        for times in TIMES
    ]
    print("| | " + " | ".join(f"{times}x" for times in TIMES) + " |")
    print("|---" + "|---:" * len(TIMES) + "|")
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


if __name__ == "__main__":
    main()
