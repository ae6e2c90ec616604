"""What can be wrong: each kind of incident, what to do about it, where to read on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds; the page docs/alerts.md has a line for each."""

    WATCH_BLIND = "watch_blind"
    KAFKA_AWAY = "kafka_away"
    AIRFLOW_AWAY = "airflow_away"
    CAPTURE_DOWN = "capture_down"
    STREAM_DOWN = "stream_down"
    STREAM_SILENT = "stream_silent"
    BRONZE_LATE = "bronze_late"
    SILVER_LATE = "silver_late"
    GOLD_LATE = "gold_late"
    LANE_CLOSED = "lane_closed"
    HISTORY_GONE = "history_gone"
    GAP_OPEN = "gap_open"
    TRADES_SHORT = "trades_short"
    DAG_FAILED = "dag_failed"
    DRILL_OLD = "drill_old"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next, in a sentence, and the page that says more."""

    next: str
    page: str


ADVICE: Mapping[Kind, Advice] = {
    Kind.WATCH_BLIND: Advice(
        "./bullion status names the program that is down; nothing else is watched "
        "until the watch can look again",
        "docs/alerts.md",
    ),
    Kind.KAFKA_AWAY: Advice(
        "./bullion status and ./bullion logs kafka; capture holds what it has",
        "docs/runbooks/pressure.md",
    ),
    Kind.AIRFLOW_AWAY: Advice(
        "./bullion logs airflow-api-server; while it is away no lane runs",
        "docs/alerts.md",
    ),
    Kind.CAPTURE_DOWN: Advice(
        "./bullion status and the log of its capture; what is missed is filled by "
        "REST once it is back",
        "docs/runbooks/gaps.md",
    ),
    Kind.STREAM_DOWN: Advice(
        "look at the exchange's own status page and at the log of its capture",
        "docs/metrics.md",
    ),
    Kind.STREAM_SILENT: Advice(
        "look at the exchange's own status page and at the log of its capture",
        "docs/runbooks/gaps.md",
    ),
    Kind.BRONZE_LATE: Advice(
        "./bullion status, then ./bullion logs bronze; nothing is lost while Kafka "
        "keeps it",
        "docs/runbooks/recovery.md",
    ),
    Kind.SILVER_LATE: Advice(
        "look at the lane in Airflow: is it paused, red or slow? Nothing is lost",
        "dags/README.md",
    ),
    Kind.GOLD_LATE: Advice(
        "look at the lane in Airflow: is it paused, red or slow? Nothing is lost",
        "dags/README.md",
    ),
    Kind.LANE_CLOSED: Advice(
        "look, and decide, in the DAG release_lane",
        "docs/runbooks/closed-lane.md",
    ),
    Kind.HISTORY_GONE: Advice(
        "stop the lane and restore the checkpoint of the reader",
        "docs/runbooks/recovery.md",
    ),
    Kind.GAP_OPEN: Advice(
        "./bullion completeness says what the exchange answered, and which days to "
        "bring",
        "docs/runbooks/gaps.md",
    ),
    Kind.TRADES_SHORT: Advice(
        "./bullion completeness names the symbols", "docs/runbooks/gaps.md"
    ),
    Kind.DAG_FAILED: Advice(
        "read the DAG's notes in Airflow under 'When it is red', and clear the run",
        "dags/README.md",
    ),
    Kind.DRILL_OLD: Advice(
        "is the DAG restore_drill paused? ./bullion drill tries the newest backup now",
        "docs/runbooks/recovery.md",
    ),
}
