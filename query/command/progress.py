"""How far a long query has come, on the terminal of who waits for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PATIENCE_S = 1.0
"""What is answered sooner needs no bar."""
LOOKS_S = 0.2


@contextmanager
def progress(engine: duckdb.DuckDBPyConnection, console: Console) -> Iterator[None]:
    """Show DuckDB's own estimate while the body runs; nothing if nobody looks.

    DuckDB's bar would be printed into the answer, on standard output.
    """
    if not console.is_terminal:
        yield
        return
    engine.execute("SET enable_progress_bar = true")
    engine.execute("SET enable_progress_bar_print = false")
    over = threading.Event()
    shown = threading.Thread(target=follow, args=(engine, console, over), daemon=True)
    shown.start()
    try:
        yield
    finally:
        over.set()
        shown.join()


def follow(
    engine: duckdb.DuckDBPyConnection, console: Console, over: threading.Event
) -> None:
    """Draw the bar until it is over, once patience is."""
    if over.wait(PATIENCE_S):
        return
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=None)
        while not over.wait(LOOKS_S):
            done = engine.query_progress()
            # -1 before DuckDB can tell.
            bar.update(task, total=100 if done >= 0 else None, completed=max(done, 0))
