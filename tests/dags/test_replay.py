"""Who sends dead letters again: what is asked, shown and answered."""

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    ParamValidationError,
)

from dags.factory.replay import (
    LEAVE,
    MOMENT,
    SEND,
    TOLD,
    followed,
    form,
    replay_dag,
    shown,
    to_send,
)
from expectations.replay import ALL, Asked
from tests.dags.test_release import Pulled
from tests.expectations.test_replay import EXCHANGE, FORM, HOSTILE

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SEEN = {"asked": Asked.of(FORM, NOW).text, "snapshot": "8423", "page": ""}
REASON = "the schema is registered by now"
HARMLESS = {"passes": 2, "breaks": 1, "gate": 3}
SAY = "import json, os, sys; print(json.dumps([sys.argv[4:], dict(os.environ)]))"


def dag() -> DAG:
    return replay_dag()


def looked(**counts: int) -> dict[str, Any]:
    return {
        "snapshot": "8423",
        "counts": [
            {"state": state, "error_reason": "invalid_side", "count": number}
            for state, number in counts.items()
        ],
        "passing": [],
        "breaking": [],
    }


def context(**more: Any) -> Any:
    return {"params": FORM, "run_id": "manual__1", **more}


def answered(chosen: str = SEND, reason: str | None = REASON) -> Pulled:
    answer = {
        "chosen_options": [chosen],
        "params_input": {"reason": reason},
        "responded_by_user": {"id": "1", "name": "ada"},
    }
    return Pulled(look=SEEN, answer=answer)


def job(task_id: str, monkeypatch: pytest.MonkeyPatch, code: str = SAY) -> Any:
    """Return a task whose job is another program: it says what it was told."""
    task: Any = dag().get_task(task_id)
    monkeypatch.setenv("BULLION_SPARK_PYTHON", sys.executable)
    monkeypatch.setenv("BULLION_GATES", "/gates")
    whole = task.bash_command
    assert whole.startswith('exec "$BULLION_SPARK_PYTHON" -m spark_apps.run ')
    task.bash_command = whole.replace("-m spark_apps.run", f"-c '{code}' -m run")
    return task


def test_people_are_asked_between_a_look_and_what_is_sent() -> None:
    tasks = dag().task_dict
    assert list(tasks) == ["look", "answer", "send", "follow"]
    for before, after in zip(list(tasks), list(tasks)[1:], strict=False):
        assert tasks[after].upstream_task_ids == {before}
        assert tasks[after].trigger_rule == "all_success"
    assert dag().schedule is None
    assert dag().params["reasons"] == []
    for none in (None, []):
        assert Asked.of(FORM | {"reasons": none}, NOW).reasons == ()
        assert form()["reasons"].resolve(none) == none
    # Airflow validates a task's params when it starts, before anybody has answered.
    assert tasks["answer"].params.validate() == {"reason": None}


@pytest.mark.parametrize("change", HOSTILE, ids=str)
def test_hostile_params_are_refused_when_it_is_triggered_or_by_the_first_task(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = dag().params
    try:
        params.update(change)
        params.validate()
    except ParamValidationError:
        return
    # What a form cannot know: which of two moments is earlier.
    with pytest.raises(AirflowFailException):
        job("look", monkeypatch).execute(context(params=FORM | change))
    assert set(change) <= {"since", "until"}


@pytest.mark.parametrize(
    "said", ["2026-11-28T00:00:00Z", "2026-11-28T02:00:00.5+02:00", "2026-11-28T00:00"]
)
def test_a_moment_is_taken_as_forms_send_it(said: str) -> None:
    assert re.search(MOMENT, said)
    assert Asked.of(FORM | {"since": said}, NOW).since.day == 28


def test_no_params_and_no_names_stand_in_a_command() -> None:
    for name in ("look", "send", "follow"):
        command = str(getattr(dag().get_task(name), "bash_command"))
        assert "{{" not in command and "params" not in command
        # Each variable stands in quotes: it is one word, whatever is in it.
        bare = re.sub(r'"[^"]*"', "", command)
        assert "$" not in bare


def test_what_people_typed_comes_to_the_job_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hostile = "--yes '\"; $(touch /tmp/no) {{ 7*7 }} `id` \\ end"
    words, env = job("send", monkeypatch).execute(
        context(ti=answered(reason=hostile), run_id="x'; --")
    )

    assert f"--why={hostile}" in words and "--by=ada" in words
    assert "--run=x'; --" in words and "--snapshot=8423" in words
    (asked,) = (word for word in words if word.startswith("--asked="))
    assert json.loads(asked.removeprefix("--asked="))["exchange"] == EXCHANGE
    assert env["WHY"] == hostile


@pytest.mark.parametrize("reason", [None, "", "          ", "because"])
def test_nothing_is_sent_without_a_reason(
    reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AirflowFailException, match="say why"):
        job("send", monkeypatch).execute(context(ti=answered(reason=reason)))


def test_letters_that_are_left_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowSkipException, match="left as they are"):
        job("send", monkeypatch).execute(context(ti=answered(LEAVE)))


def test_a_look_hands_on_what_was_seen_and_asks_nobody_about_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = json.dumps(looked(**HARMLESS)).replace("'", "")
    told = job("look", monkeypatch, f"print({said!r})".replace("'", '"""')).execute(
        context()
    )
    assert told["snapshot"] == "8423" and "**2** would be sent" in told["page"]
    assert Asked.read(told["asked"]).exchange == EXCHANGE

    said = json.dumps(looked(breaks=3))
    with pytest.raises(AirflowSkipException, match="would be dead letters again"):
        job("look", monkeypatch, f"print({said!r})".replace("'", '"""')).execute(
            context()
        )


def test_a_page_says_what_is_sent_and_why_the_others_are_not() -> None:
    asked = Asked.of(FORM | {"at_most": 2}, NOW)
    report = looked(**dict.fromkeys(TOLD, 1))
    page = shown(asked, report)

    assert to_send(asked, report) == 1
    assert to_send(Asked.of(FORM | {"send": ALL}, NOW), looked(**HARMLESS)) == 3
    assert to_send(Asked.of(FORM | {"send": ALL, "at_most": 2}, NOW), looked(breaks=9))
    assert "2026-11-28 12:00 to 2026-11-29 12:00 UTC" in page
    assert all(words in page for words in TOLD.values())
    assert page.count("\n| ") == len(TOLD) + 1


def test_what_an_exchange_sent_stays_in_its_cell() -> None:
    hostile = "X | <img src=x> [a](javascript:1)\n# no"
    sample = dict.fromkeys(
        ("symbol", "trade_id", "time", "price", "quantity", "was", "today"), hostile
    )
    page = shown(Asked.of(FORM, NOW), looked() | {"breaking": [sample]})

    *_, line = page.splitlines()
    assert line.count("|") == 8
    assert not set("<>[]()#") & set(line)


def test_a_lane_that_is_closed_is_told_with_what_waits() -> None:
    assert followed({"outcomes": {"gold": 2}, "lane_is_closed": True}) == "2 gold"
    told = followed({"outcomes": {"waiting": 1}, "lane_is_closed": True})
    assert "1 waiting" in told and "release_lane" in told
    assert followed({"outcomes": {}, "lane_is_closed": False}) == "nothing was sent"
