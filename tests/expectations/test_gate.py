"""The gate: good, bad, empty and unaskable increments, each with its own verdict."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from expectations.build_gx_context import HERE
from expectations.data_docs_site import prune, publish_site
from expectations.gate import GateClosed, pass_or_close
from expectations.increment import Increment
from expectations.silver.trades import rules
from schemas.table import all_exchanges
from tests.expectations.test_gx_context import files

EXCHANGE = all_exchanges()[0]
FIGURES = {
    "row_count": 3,
    "price_jump": 1.01,
    "blocking_share": 0.0,
    "dead_letter_share": 0.0,
    "ids_going_back": 0,
    "delay_p95_s": 4.2,
}
Env = Mapping[str, str]


def increment(rows: int = 3, broken: str = "", **figures: Any) -> Increment:
    """Return an increment with these figures; its last row breaks the named rule."""
    verdicts = pd.DataFrame(
        {rule.error_reason: [True] * rows for rule in rules(EXCHANGE)}
    )
    if broken:
        verdicts.loc[rows - 1, broken] = False
    return Increment(
        after=-1,
        until=7021,
        rows=rows,
        verdicts=verdicts,
        figures=pd.DataFrame([FIGURES | {"row_count": rows} | figures]),
    )


def noted(env: Env) -> list[dict[str, Any]]:
    file = Path(env["BULLION_GATES"]) / f"{EXCHANGE}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_good_increment_passes_and_is_noted(env: Env) -> None:
    passed = pass_or_close(increment(), EXCHANGE, "scheduled__12:00", env)

    assert (passed["snapshot_to"], passed["outcome"]) == ("7021", "passed")
    (line,) = noted(env)
    assert line.pop("at")
    assert line == {
        "exchange": EXCHANGE,
        "run_id": "scheduled__12:00",
        "snapshot_from": "-1",
        "snapshot_to": "7021",
        "rows": 3,
        "outcome": "passed",
        "failed": [],
        "measured": {"row_count": 3.0, "price_jump": 1.01, "delay_p95_s": 4.2},
    }
    assert list(Path(env["BULLION_GX_RESULTS"]).rglob("*.json"))


@pytest.mark.parametrize(
    ("figures", "name"),
    [
        ({"dead_letter_share": 0.002}, "dead_letter_share"),
        ({"ids_going_back": 1}, "ids_going_back"),
        ({"delay_p95_s": 121.0}, "delay_p95_s"),
    ],
)
def test_a_warning_is_noted_and_lets_the_rows_go_on(
    env: Env, figures: dict[str, Any], name: str
) -> None:
    passed = pass_or_close(increment(**figures), EXCHANGE, "run", env)

    assert passed["outcome"] == "warning"
    assert noted(env)[-1]["failed"] == [name]


@pytest.mark.parametrize(
    ("held", "name"),
    [
        (increment(broken="price_must_be_positive"), "price_must_be_positive"),
        (increment(broken="message_id_mismatch"), "message_id_mismatch"),
        (increment(price_jump=2.01), "price_jump"),
        (increment(blocking_share=0.011, dead_letter_share=0.011), "blocking_share"),
        (increment(rows=0), "row_count"),
    ],
)
def test_a_critical_failure_closes_the_gate(
    env: Env, held: Increment, name: str
) -> None:
    with pytest.raises(GateClosed, match=name):
        pass_or_close(held, EXCHANGE, "run", env)

    assert (noted(env)[-1]["outcome"], noted(env)[-1]["failed"]) == ("closed", [name])


@pytest.mark.parametrize("lost", ["side", "price_jump"])
def test_what_cannot_be_asked_is_an_error_and_no_verdict(env: Env, lost: str) -> None:
    held = increment()
    for frame in (held.verdicts, held.figures):
        frame.drop(
            columns=["invalid_side" if lost == "side" else lost],
            errors="ignore",
            inplace=True,
        )

    with pytest.raises(RuntimeError, match="could not be asked"):
        pass_or_close(held, EXCHANGE, "run", env)

    assert noted(env)[-1]["outcome"] == "error"


def test_a_gate_changes_no_file_of_the_context(env: Env) -> None:
    before = files(HERE)

    pass_or_close(increment(), EXCHANGE, "run", env)

    assert files(HERE) == before


def test_of_a_lane_that_stays_closed_few_results_are_kept(env: Env) -> None:
    results = Path(env["BULLION_GX_RESULTS"])
    for number in range(5):
        with pytest.raises(GateClosed):
            pass_or_close(increment(price_jump=9.0), EXCHANGE, f"run-{number}", env)
    newest_first = sorted(
        results.rglob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True
    )
    before = {file.parts[-3] for file in newest_first}
    assert before == {f"{EXCHANGE}.run-{number}" for number in range(5)}

    prune(newest_first)

    # An hour may have ended meanwhile.
    left = sorted(file.parts[-3] for file in results.rglob("*.json"))
    assert {f"{EXCHANGE}.run-0", f"{EXCHANGE}.run-4"} <= set(left)
    assert len(left) in (2, 3, 4)


def test_the_pages_need_no_other_host_and_are_swapped_whole(env: Env) -> None:
    pass_or_close(increment(delay_p95_s=999.0), EXCHANGE, "run", env)
    site = Path(env["BULLION_DATA_DOCS"])

    pages = publish_site(env, 1, [EXCHANGE])

    assert pages == len(list(site.rglob("*.html"))) > 2
    over_time = (site / "history.html").read_text()
    assert EXCHANGE in over_time and 'href="history.html"' in (
        (site / "index.html").read_text()
    )
    for page in site.rglob("*.html"):
        text = page.read_text()
        for loads in (
            'src="http',
            '<link rel="stylesheet" href="http',
            "jsdelivr",
            "<footer",
        ):
            assert loads not in text, page
    # Nothing new: nothing is built; a new result: the old site is gone.
    assert publish_site(env, 1, [EXCHANGE]) == 0
    first = site.resolve()
    pass_or_close(increment(), EXCHANGE, "another", env)
    assert publish_site(env, 10, [EXCHANGE]) > pages
    assert site.resolve() != first
    assert [each for each in site.parent.iterdir() if not each.is_symlink()] == [
        site.resolve()
    ]
