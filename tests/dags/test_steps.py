"""A step asks before it starts anything: an idle lane costs no Spark client."""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DeltaTriggerTimetable
from airflow.sdk.exceptions import AirflowSkipException

from dags.factory.candles_job import CandlesJob
from dags.factory.ledger_jobs import CountJob, FillJob, FindJob
from dags.factory.settings import exchanges, lane_interval, lanes_first
from dags.factory.spark_job import SparkJob
from dags.factory.staggered import staggered
from schemas.exchange import usual_exchanges
from schemas.table import all_exchanges
from tests.expectations.tables import append, created, lake, trades
from tests.expectations.test_ledger import asked
from tests.query.test_completeness import gap

EXCHANGE = all_exchanges()[0]
GOLD = "gold.trades"


class Lane:
    """A silver table in a folder, the checkpoint that reads it, and a step to gold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = lake(folder)
        self.silver = created(self.catalog, "silver.trades", EXCHANGE)
        self.bronze = created(self.catalog, "bronze.trades", EXCHANGE)

    def arrive(self, *ids: int) -> int:
        return append(self.silver, "silver.trades", trades(EXCHANGE, ids))

    def read(self, snapshot: int) -> None:
        """Note that gold has read up to here, as Spark does."""
        for part, text in (
            ("offsets", json.dumps({"snapshot_id": snapshot, "position": 1})),
            ("commits", "v1"),
        ):
            (self.folder / f"gold-{EXCHANGE}" / part).mkdir(parents=True, exist_ok=True)
            (self.folder / f"gold-{EXCHANGE}" / part / "0").write_text(text)

    def step(self, reads: str, writes: str, then: str = "") -> SparkJob:
        return SparkJob(
            task_id="step",
            arguments="",
            exchange=EXCHANGE,
            reads=reads,
            writes=writes,
            then=then,
        )


@pytest.fixture
def lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lane:
    made = Lane(tmp_path)
    monkeypatch.setenv("BULLION_CHECKPOINTS", str(tmp_path))
    # The step opens the same catalog, which is here a file.
    monkeypatch.setattr(
        "expectations.increment.open_catalog", lambda env: lake(tmp_path)
    )
    return made


def started(step: SparkJob, report: dict[str, Any]) -> Any:
    """Run the step with a real process that says this report."""
    step.bash_command = f"echo noise; echo '{json.dumps(report)}'"
    return step.execute({"outlet_events": {}})  # type: ignore[typeddict-item]


def test_a_step_with_rows_to_read_runs_and_hands_on_its_report(lane: Lane) -> None:
    lane.arrive(1)

    report = started(lane.step("silver.trades", GOLD), {"snapshot_id": "7021"})

    assert report == {"snapshot_id": "7021"}


def test_a_step_with_nothing_to_read_is_skipped(lane: Lane) -> None:
    lane.read(lane.arrive(1))

    with pytest.raises(AirflowSkipException, match="nothing new"):
        started(lane.step("silver.trades", GOLD), {})


def test_an_idle_first_step_goes_on_only_while_gold_is_owed_rows(lane: Lane) -> None:
    first = lane.arrive(1)
    step = lane.step("bronze.trades", "silver.trades", then=GOLD)

    assert started(step, {"never": "started"}) == {"rows": 0}
    lane.read(first)
    with pytest.raises(AirflowSkipException):
        started(step, {})


def test_the_job_takes_the_place_of_its_shell(lane: Lane) -> None:
    # Its guard ends it when its parent, the Airflow task, is gone.
    command = str(lane.step("silver.trades", GOLD).bash_command)

    assert command.startswith('exec "$BULLION_SPARK_PYTHON" -m spark_apps.run ')
    assert sys.executable not in command


def test_lanes_are_made_for_the_exchanges_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert exchanges() == usual_exchanges()
    monkeypatch.setenv("BULLION_EXCHANGES", f" {EXCHANGE},")
    assert exchanges() == (EXCHANGE,)
    monkeypatch.setenv("BULLION_EXCHANGES", "mtgox")
    with pytest.raises(LookupError, match="mtgox"):
        exchanges()


def test_the_interval_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_LANE_SECONDS", "15")
    assert lane_interval().total_seconds() == 15
    monkeypatch.setenv("BULLION_LANE_SECONDS", "0")
    with pytest.raises(ValueError, match="above 0"):
        lane_interval()


def test_just_after_a_start_lanes_have_the_cores_to_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "run/supervisord.pid"
    monkeypatch.setenv("BULLION_HOME", str(tmp_path))
    assert not lanes_first()  # no laptop: nobody began anything
    begun.parent.mkdir()
    begun.write_text("1")
    assert lanes_first()
    for job in (
        CandlesJob(task_id="a", arguments="", exchange="", reads=GOLD, writes=GOLD),
        FindJob(task_id="b", arguments="", exchange="", reads=GOLD, writes=GOLD),
    ):
        assert not job.has_work("gold.candles_1m", "gold.candles_1d")
    for asking in (FillJob(task_id="c"), CountJob(task_id="d", exchanges=["acme"])):
        with pytest.raises(AirflowSkipException, match="lanes go first"):
            asking.execute({})  # type: ignore[typeddict-item]
    os.utime(begun, (time.time() - 91, time.time() - 91))
    assert not lanes_first()
    monkeypatch.setenv("BULLION_LANES_FIRST_S", "100")
    assert lanes_first()


def test_capture_is_told_of_gaps_that_are_asked_for_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, file = lake(tmp_path), tmp_path / "gaps.json"
    monkeypatch.setattr("expectations.ledger.open_catalog", lambda env: catalog)
    monkeypatch.setenv("BULLION_GAPS", str(file))
    monkeypatch.delenv("BULLION_HOME", raising=False)
    evidence = asked(datetime.now(UTC) - timedelta(seconds=5))
    gaps = created(catalog, "gold.gaps", "")
    append(gaps, "gold.gaps", [gap(40, 42, state="filling", evidence=evidence)])
    with pytest.raises(AirflowSkipException, match="being filled"):
        FillJob(task_id="c").execute({})  # type: ignore[typeddict-item]

    told = json.loads(file.read_text())
    assert told["exchanges"] == {"ACME": {"gaps": 1, "missing": 3}}
    assert 0 <= time.time() - told["told_at"] < 60


@pytest.mark.parametrize(
    ("every", "place", "of", "moments"),
    [
        (20, 0, 2, "0,20,40"),
        (20, 1, 2, "10,30,50"),
        (15, 2, 5, "6,21,36,51"),
        (60, 1, 3, "20"),
    ],
)
def test_lanes_run_evenly_apart(every: int, place: int, of: int, moments: str) -> None:
    schedule = staggered(timedelta(seconds=every), place, of)

    assert schedule.expression == f"* * * * * {moments}"  # type: ignore[union-attr]


@pytest.mark.parametrize("every", [7, 90, 0.5, 1.5])
def test_a_lane_that_no_minute_holds_evenly_counts_from_its_last_run(
    every: float,
) -> None:
    schedule = staggered(timedelta(seconds=every), 1, 2)

    assert isinstance(schedule, DeltaTriggerTimetable)
