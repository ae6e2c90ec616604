"""What status says of the newest restore drill."""

import json
from pathlib import Path

from query.drills import KEPT, drilled, last_drill

HELD = {"at": "2026-11-01T05:20:09+00:00", "backup": "one", "verdict": "holds"}
FAILED = {"at": "2026-11-02T05:20:09+00:00", "backup": "two", "verdict": "fails"}


def test_the_newest_whole_line_counts(tmp_path: Path) -> None:
    assert last_drill(tmp_path) is None
    assert "./bullion drill" in drilled(None)

    file = tmp_path / KEPT
    file.write_text(json.dumps({**HELD, "faults": [], "tables": [{}]}) + "\n")
    told = last_drill(tmp_path)
    assert told == {**HELD, "faults": []}
    assert drilled(told) == "restore drill: [green]holds[/], one, 2026-11-01 05:20 UTC"

    with file.open("a") as more:
        more.write(json.dumps({**FAILED, "faults": ["gold: gone", "x"]}) + "\n")
        more.write('{"at": "2026-11-03')
    told = last_drill(tmp_path)
    assert told == {**FAILED, "faults": ["gold: gone", "x"]}
    assert drilled(told).endswith("two, 2026-11-02 05:20 UTC: gold: gone")
