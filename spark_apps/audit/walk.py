"""Accounts of runs against what runs left; a killed run's rows are the next one's.

A run that was killed after it wrote rows and before it accounted for them leaves them
under its own moment; the run that ends its batch accounts for them under another.
"""

from collections.abc import Mapping
from datetime import datetime

from spark_apps.spans import Span


def walked(
    said: Mapping[datetime, int],
    held: Mapping[datetime, int],
    span: Span,
    idle: bool,
) -> tuple[list[tuple[datetime, int]], int]:
    """Return the runs of a span whose account is false, and how many rows wait.

    What a run has too much must be exactly what the next one accounts for; of the last
    one it waits, unless the stream is idle.
    """
    wrong: list[tuple[datetime, int]] = []
    owed, since = 0, datetime.min
    for at in sorted({*said, *held}):
        off = held.get(at, 0) - said.get(at, 0)
        if owed and off < 0:
            owed, off = owed + off, 0
            if owed:
                wrong.append((at, owed))
            owed = 0
            continue
        if owed:
            wrong.append((since, owed))
            owed = 0
        if off < 0:
            wrong.append((at, off))
        elif off > 0:
            owed, since = off, at
    if owed and idle:
        wrong.append((since, owed))
        owed = 0
    inside = [each for each in wrong if span[0] <= each[0] < span[1]]
    return inside, owed if span[0] <= since < span[1] else 0
