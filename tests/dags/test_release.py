"""What a person is shown of a closed lane, and what becomes of the answer."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.release import ADMIT, LEAVE, REFUSE, release_dag, shown
from tests.expectations.conftest import env
from tests.expectations.test_release import EXCHANGE, Lane, lane

__all__ = ["env", "lane"]
REASON = "a fat finger, says the exchange"


class Pulled:
    """The task's view of what the tasks before it returned."""

    def __init__(self, **told: Any) -> None:
        self.told = told

    def xcom_pull(self, task_ids: str) -> Any:
        return self.told[task_ids]


@pytest.fixture(autouse=True)
def settings(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lane.env.items():
        monkeypatch.setenv(name, value)


def called(task_id: str) -> Any:
    """Return the function of a task."""
    return release_dag().get_task(task_id).python_callable  # type: ignore[attr-defined]


def looked() -> dict[str, Any]:
    return dict(called("look")(params={"exchange": EXCHANGE}))


def decided(
    chosen: str, seen: dict[str, Any], reason: str | None = REASON
) -> dict[str, Any]:
    answer = {
        "chosen_options": [chosen],
        "params_input": {"reason": reason},
        "responded_by_user": {"id": "1", "name": "ada"},
    }
    pulled = Pulled(look=seen, answer=answer)
    context = {"params": {"exchange": EXCHANGE}, "run_id": "manual__1"}
    return dict(called("decide")(ti=pulled, **context))


def test_a_person_sees_what_is_at_fault_and_decides(lane: Lane) -> None:
    lane.arrive({4: "101", 5: "1000"})
    lane.closes()

    seen = looked()
    told = decided(REFUSE, seen)

    assert "closed over 2 rows: `price_jump` not met" in seen["page"]
    assert "**1** of them are at fault" in seen["page"] and "1000" in seen["page"]
    assert (told["decision"], told["decided_by"]) == ("refuse", "ada")
    assert told["reason"] == REASON
    assert lane.gate()["refused"] == "1"


@pytest.mark.parametrize("reason", [None, "", "          ", "because"])
def test_nothing_is_entered_without_a_reason(lane: Lane, reason: str | None) -> None:
    lane.arrive({5: "1000"})
    lane.closes()

    with pytest.raises(AirflowFailException, match="say why"):
        decided(ADMIT, looked(), reason)
    assert lane.table("gold.decisions").scan().to_arrow().num_rows == 0


def test_a_person_can_be_asked_before_anything_is_said(lane: Lane) -> None:
    # Airflow validates a task's params when it starts, before anybody has answered.
    params = release_dag().get_task("answer").params
    assert params.validate() == {"reason": None}


def test_a_lane_that_is_left_closed_stays_so(lane: Lane) -> None:
    lane.arrive({5: "1000"})
    lane.closes()

    with pytest.raises(AirflowSkipException, match="left closed"):
        decided(LEAVE, looked())
    lane.closes()


def test_a_lane_that_is_open_is_not_asked_about(lane: Lane) -> None:
    with pytest.raises(AirflowFailException, match="is not closed"):
        looked()


def test_what_is_no_rows_fault_cannot_be_refused(lane: Lane) -> None:
    lane.arrive({4: "101"}, bronze_rows=100)
    lane.closes()
    seen = looked()
    assert "not about single rows" in seen["page"]

    with pytest.raises(AirflowFailException, match="no row before the gate"):
        decided(REFUSE, seen)
    assert decided(ADMIT, seen)["decision"] == "admit"


def test_what_an_exchange_sent_stays_in_its_cell() -> None:
    row = dict.fromkeys(
        ("trade_id", "time", "price", "quantity", "side", "reasons"), "1"
    )
    hostile = "X | <img src=x> [a](javascript:1)\n# no"
    page = shown("acme", 9, 1, ["price_jump"], [row | {"symbol": hostile}])

    *_, line = page.splitlines()
    assert line.count("|") == 8
    assert not set("<>[]()#\n") & set(line)
