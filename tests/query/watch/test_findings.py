"""Each thing that is wrong is found once, by its cause, and nothing else is."""

from typing import Any

import pytest

from query.watch.bars import Bars, SettingRefused
from query.watch.findings import blind, found
from query.watch.kinds import ADVICE, Kind
from schemas.table import ROOT

AT = "2026-11-29T12:00:00+00:00"
BARS = Bars()
SOUND_CAPTURE = {"connections": 2, "unconfirmed": [], "refused": [], "error": ""}


def lane(**changes: Any) -> dict[str, Any]:
    """Return the figures of a sound lane, but for these."""
    return {
        "exchange": "acme",
        "layers": layers(),
        "capture": SOUND_CAPTURE,
        "kafka_lag": 0,
        "last_gate": {"outcome": "passed", "at": AT},
        "paused": False,
        "last_run": "success",
    } | changes


def layers(
    bronze: float | None = 3.0, silver: float = 0.0, gold: float = 0.0
) -> dict[str, Any]:
    return {
        "bronze": {"freshness_s": bronze},
        "silver": {"waits_s": silver},
        "gold": {"waits_s": gold},
    }


def told(*lanes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "at": AT,
        "lanes": list(lanes or (lane(),)),
        "completeness": {"open": [], "compared": []},
        "drill": {"at": "2026-11-01T05:20:00+00:00"},
        "failed_dags": [],
        "airflow": "ok",
    } | changes


def gap(age: str, **changes: Any) -> dict[str, Any]:
    return {
        "exchange": "ACME",
        "symbol": "BTCUSD",
        "missing": 7,
        "found": age,
    } | changes


CASES: list[tuple[dict[str, Any], set[str]]] = [
    (told(), set()),
    (told(drill=None), set()),
    (told(drill={"at": "2026-10-20T12:00:00+00:00"}), set()),
    # Capture and the streams.
    (told(lane(capture=None)), set()),
    (
        told(lane(capture=SOUND_CAPTURE | {"error": "Connection refused"})),
        {"capture_down:acme"},
    ),
    (told(lane(capture=SOUND_CAPTURE | {"connections": 0})), {"stream_down:acme"}),
    (
        told(lane(capture=SOUND_CAPTURE | {"unconfirmed": ["X/Y"]})),
        {"stream_down:acme"},
    ),
    (told(lane(capture=SOUND_CAPTURE | {"refused": ["X/Y"]})), {"stream_down:acme"}),
    (
        told(lane(layers=layers(900), capture=SOUND_CAPTURE | {"error": "refused"})),
        {"capture_down:acme"},
    ),
    # Bronze: nothing comes, or what comes stays in Kafka.
    (told(lane(layers=layers(120))), set()),
    (told(lane(layers=layers(121))), {"stream_silent:acme"}),
    (told(lane(layers=layers(None))), {"stream_silent:acme"}),
    (told(lane(layers=layers(30), kafka_lag=9)), set()),
    (told(lane(layers=layers(31), kafka_lag=9)), {"bronze_late:acme"}),
    (told(lane(layers=layers(None), kafka_lag=9)), {"bronze_late:acme"}),
    (told(lane(kafka_lag=100_000)), set()),
    (told(lane(kafka_lag=100_001)), {"bronze_late:acme"}),
    (told(lane(layers=layers(900), kafka_lag="unknown: away")), {"kafka_away:"}),
    # Silver and gold: how long rows wait for them, and never how old rows are.
    (told(lane(layers=layers(100, 90, 180))), set()),
    (told(lane(layers=layers(3, 91))), {"silver_late:acme"}),
    (told(lane(layers=layers(3, 0, 181))), {"gold_late:acme"}),
    (
        told(lane(layers=layers(3, 0, 9e9), last_gate={"outcome": "closed", "at": AT})),
        {"lane_closed:acme"},
    ),
    (told(lane(last_gate=None)), set()),
    (
        told(lane(layers=layers() | {"gold": {"history_gone": "expired"}})),
        {"history_gone:acme"},
    ),
    # What is owed.
    (
        told(completeness={"open": [gap("2026-11-29T11:31:00Z")], "compared": []}),
        set(),
    ),
    (
        told(
            completeness={
                "open": [gap("2026-11-29T11:29:00Z"), gap("2026-11-29T11:00:00Z")],
                "compared": [],
            }
        ),
        {"gap_open:acme"},
    ),
    (
        told(
            completeness={
                "open": [],
                "compared": [
                    {"exchange": "ACME", "short": 0},
                    {"exchange": "AJAX", "short": 3},
                ],
            }
        ),
        {"trades_short:ajax"},
    ),
    # Airflow.
    (
        told(drill={"at": "2026-10-20T11:59:00+00:00"}),
        {"drill_old:"},
    ),
    (
        told(failed_dags=[{"dag_id": "upkeep", "run_id": "r", "at": AT}]),
        {"dag_failed:upkeep"},
    ),
    (told(airflow="away: refused"), {"airflow_away:"}),
]


@pytest.mark.parametrize(("figures", "keys"), CASES)
def test_a_look_finds_what_is_wrong_and_nothing_else(
    figures: dict[str, Any], keys: set[str]
) -> None:
    findings = found(figures, BARS).findings

    assert {each.key for each in findings} == keys
    assert len(findings) == len(keys)
    assert all(each.what for each in findings)


def test_every_kind_is_found_and_has_advice_whose_page_is_there() -> None:
    kinds = {key.split(":")[0] for _, keys in CASES for key in keys}
    kinds |= {each.kind for each in blind("why").findings}

    assert kinds == set(Kind) == set(ADVICE)
    page = (ROOT / "docs/alerts.md").read_text()
    for kind, advice in ADVICE.items():
        assert (ROOT / advice.page).exists(), kind
        assert f"`{kind}`" in page


def test_since_when_is_told_where_the_figures_know() -> None:
    row = gap("2026-11-29T11:00:00Z", symbol="ETHUSD")
    figures = told(
        lane(layers=layers(300)), completeness={"open": [row], "compared": []}
    )
    since = {each.kind: each.since for each in found(figures, BARS).findings}

    assert str(since[Kind.STREAM_SILENT]) == "2026-11-29 11:55:00+00:00"
    assert str(since[Kind.GAP_OPEN]) == "2026-11-29 11:00:00+00:00"


def test_a_late_lane_says_whether_it_is_paused_or_fails() -> None:
    late = layers(3, 500)
    (paused,) = found(told(lane(layers=late, paused=True)), BARS).findings
    (fails,) = found(told(lane(layers=late, last_run="failed")), BARS).findings

    assert paused.what.endswith("500 s; its lane is paused")
    assert fails.what.endswith("its lane's last run failed")


@pytest.mark.parametrize(
    ("figures", "unjudged", "judged"),
    [
        (told(airflow="away"), "dag_failed:upkeep", "lane_closed:acme"),
        (told(lane(kafka_lag="unknown")), "bronze_late:acme", "bronze_late:ajax"),
        (told(lane(kafka_lag="unknown")), "stream_silent:acme", "kafka_away:"),
        (
            told(lane(last_gate={"outcome": "closed", "at": AT})),
            "gold_late:acme",
            "silver_late:acme",
        ),
        (
            told(lane(capture=SOUND_CAPTURE | {"error": "refused"})),
            "stream_down:acme",
            "bronze_late:acme",
        ),
        (
            told(lane(layers=layers() | {"gold": {"history_gone": "expired"}})),
            "gold_late:acme",
            "history_gone:acme",
        ),
    ],
)
def test_what_cannot_be_seen_is_not_said_to_be_well(
    figures: dict[str, Any], unjudged: str, judged: str
) -> None:
    seen = found(figures, BARS)

    assert not seen.judges(unjudged) and seen.judges(judged)


def test_a_watch_that_cannot_look_judges_nothing_but_itself() -> None:
    seen = blind("OperationalError")

    assert seen.judges("watch_blind:") and not seen.judges("lane_closed:acme")


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf"])
def test_a_bar_that_is_no_number_above_nothing_is_refused(text: str) -> None:
    with pytest.raises(SettingRefused, match="BULLION_WATCH_GAP_S is"):
        Bars.read({"BULLION_WATCH_GAP_S": text})


def test_bars_are_read_and_only_what_has_to_hold_may_be_nothing() -> None:
    env = {"BULLION_WATCH_BRONZE_S": "7.5", "BULLION_WATCH_OPEN_AFTER_S": "0"}
    bars = Bars.read(env)

    assert (bars.bronze_s, bars.open_after_s, bars.gold_s) == (7.5, 0, 180)
    for text in ("-1", "soon", "."):
        with pytest.raises(SettingRefused, match="BULLION_WATCH_CLOSE_AFTER_S is"):
            Bars.read({"BULLION_WATCH_CLOSE_AFTER_S": text})
