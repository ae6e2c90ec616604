"""A chart in the terminal, in braille dots: two across and four up in each letter."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.text import Text

from query.command.plot import Chart

COLOURS = ("cyan", "yellow", "green", "magenta", "red", "blue", "white", "bright_cyan")
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bit of each dot in a letter, by column and row, from U+2800 on."""
HEIGHT = 16
LABEL = 12
"""Letters that a price takes beside the chart."""


def dots(drawn: Chart, width: int) -> Text:
    """Return the chart, so many letters wide: lines, scales and what they are."""
    points = [point for line in drawn.lines.values() for point in line]
    left, right = span(x for x, _ in points)
    low, high = span(y for _, y in points)
    across, up = max(width - LABEL - 2, 10), HEIGHT
    letters: dict[tuple[int, int], tuple[int, str]] = {}
    for colour, line in zip(COLOURS, drawn.lines.values(), strict=False):
        placed = [
            (
                round((x - left) / (right - left) * (across * 2 - 1)),
                round((high - y) / (high - low) * (up * 4 - 1)),
            )
            for x, y in line
        ]
        for x, y in joined(placed):
            place = (y // 4, x // 2)
            bits, _ = letters.get(place, (0, colour))
            letters[place] = (bits | DOTS[x % 2][y % 4], colour)
    text = Text()
    for row in range(up):
        label = ""
        if row % 5 == 0:
            label = f"{high - (high - low) * row / (up - 1):,.6g}"
        text.append(f"{label:>{LABEL}} ", "dim")
        for column in range(across):
            bits, colour = letters.get((row, column), (0, ""))
            text.append(chr(0x2800 + bits) if bits else " ", colour)
        text.append("\n")
    text.append(scale(drawn, left, right, across))
    for colour, name in zip(COLOURS, drawn.lines, strict=False):
        text.append(f"\n{'':{LABEL}} ")
        text.append("━ ", colour)
        text.append(name)
    return text


def span(values: Iterable[float]) -> tuple[float, float]:
    """Return the least and the greatest, some way apart even if there is but one."""
    found = list(values)
    low, high = min(found), max(found)
    apart = (abs(low) or 1) * 0.001
    return (low, high) if low < high else (low - apart, high + apart)


def joined(points: list[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Yield the dots of the lines between points, each step at most one dot."""
    yield from points[:1]
    for (x, y), (to_x, to_y) in zip(points, points[1:], strict=False):
        steps = max(abs(to_x - x), abs(to_y - y), 1)
        for step in range(1, steps + 1):
            yield (
                x + round((to_x - x) * step / steps),
                y + round((to_y - y) * step / steps),
            )


def scale(drawn: Chart, left: float, right: float, across: int) -> Text:
    """Return the line below: where x begins, what it is, and where it ends."""
    first, last = (
        (
            f"{datetime.fromtimestamp(x, UTC):%Y-%m-%d %H:%M}"
            if drawn.is_time
            else f"{x:g}"
        )
        for x in (left, right)
    )
    name = f"{drawn.across} (UTC)" if drawn.is_time else drawn.across
    between = across - len(first) - len(last)
    line = f"{'':{LABEL}} {first}{name[: max(between, 0)]:^{max(between, 1)}}{last}"
    return Text(line, "dim")
