"""A driver that was ordered to die at a point dies there, once, with its JVM."""

import subprocess
import sys
from pathlib import Path

from spark_apps.failpoint import Failpoint, ordered
from spark_apps.landing import on_it_goes

BATCH = """
import os, subprocess, sys
from pathlib import Path
from spark_apps.failpoint import ordered

passed = ordered(Path(sys.argv[1]), "gold.trades")
passed("before gold.trades")
print("before", flush=True)
passed("after gold.trades")
print("after", flush=True)
"""


def test_it_dies_at_the_point_and_not_before(tmp_path: Path) -> None:
    (tmp_path / "failpoint.gold.trades").write_text("after gold.trades")

    run = [sys.executable, "-c", BATCH, str(tmp_path)]
    first = subprocess.run(run, capture_output=True, text=True, check=False)
    second = subprocess.run(run, capture_output=True, text=True, check=True)

    assert (first.returncode, first.stdout) == (-9, "before\n")
    # The order was for one run.
    assert second.stdout == "before\nafter\n"


def test_without_an_order_nothing_happens(tmp_path: Path) -> None:
    assert ordered(tmp_path, "gold.trades") is on_it_goes
    Failpoint("after gold.trades")("before gold.trades")
