"""An answer as a chart: its first column across, its numbers up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from query.reading.refused import QueryRefused

MOST_LINES = 8
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines by name; x is a number, or a time in seconds since 1970."""

    across: str
    is_time: bool
    lines: dict[str, Points]


def chart(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Chart:
    """Return the chart of an answer.

    The first column is x; each further column of numbers is a line, and one of text
    splits the lines. Rows without x or y are left out.

    Raises:
        QueryRefused: there is nothing to draw, or more lines than can be told apart.
    """
    lines: dict[str, Points] = {}
    for row in rows:
        x = number(row[0]) if row else None
        told = [str(value) for value in row[1:] if isinstance(value, str)]
        for name, value in zip(names[1:], row[1:], strict=True):
            y = None if isinstance(value, datetime | date) else number(value)
            if x is not None and y is not None:
                lines.setdefault(" ".join([*told, name]), []).append((x, y))
    if not lines:
        raise QueryRefused(
            "nothing to draw: the first column is x, a time or a number, and at least "
            "one further column is a number; text splits it into lines"
        )
    if len(lines) > MOST_LINES:
        raise QueryRefused(
            f"{len(lines)} lines are more than can be told apart ({MOST_LINES}): "
            "choose fewer columns, or one symbol"
        )
    is_time = any(isinstance(row[0], datetime | date) for row in rows)
    ordered = {name: sorted(points) for name, points in lines.items()}
    return Chart(across=names[0], is_time=is_time, lines=ordered)


def number(value: object) -> float | None:
    """Return what can be drawn: a float has digits enough for the eye."""
    match value:
        case bool():
            return None
        case int() | float() | Decimal():
            return float(value)
        case datetime():
            return value.timestamp()
        case date():
            return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
        case _:
            return None


def picture(drawn: Chart, file: Path) -> None:
    """Write the chart as a PNG.

    Raises:
        QueryRefused: matplotlib is not installed, or the folder is not there.
    """
    if not file.parent.is_dir():
        raise QueryRefused(f"there is no folder {file.parent}")
    try:
        from matplotlib.figure import Figure
    except ImportError as absent:
        raise QueryRefused(
            "a PNG needs matplotlib, which is not installed in this environment: pip "
            "install matplotlib; --plot without a file draws in the terminal"
        ) from absent
    # A figure of its own needs neither a screen nor pyplot's global state.
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, points in drawn.lines.items():
        x = [
            datetime.fromtimestamp(at, UTC) if drawn.is_time else at for at, _ in points
        ]
        axes.plot(x, [y for _, y in points], label=name, marker=".", linewidth=1)
    axes.set_xlabel(f"{drawn.across} (UTC)" if drawn.is_time else drawn.across)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, format="png", dpi=120)
