"""Histories in short: what each commit was, the oldest first."""

from spark_apps.streams import Snapshot

DATA, EMPTY = ("append", 2), ("append", 0)
COMPACTED, DROPPED = ("replace", 2), ("delete", 0)
MINUTE = 60_000


def line(
    *commits: tuple[str, int], whole: bool = True, **streams: int
) -> tuple[Snapshot, ...]:
    """Return snapshots 1, 2, 3... a minute apart, the head first.

    `acme=3`: snapshot 3 is of the stream `acme`, and its batch has the same number.
    """
    by_number = {number: stream for stream, number in streams.items()}
    made = [
        Snapshot(
            number,
            number - 1 if number > 1 or not whole else None,
            operation,
            files,
            number * MINUTE,
            by_number.get(number, ""),
            number if number in by_number else -1,
        )
        for number, (operation, files) in enumerate(commits, start=1)
    ]
    return tuple(reversed(made))
