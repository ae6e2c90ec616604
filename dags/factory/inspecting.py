"""The look at gold's tables after they were written; it stops nobody."""

from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.settings import environment, lanes_first


def inspect_tables(run_id: str) -> dict[str, Any]:
    """Judge what each table got since the last look; return rows and outcome of each.

    All tables are looked at, whatever is wrong with one.

    Raises:
        AirflowFailException: a table holds rows that break a rule.
        AirflowSkipException: nothing came, or the stack has just begun.
    """
    if lanes_first():
        raise AirflowSkipException("the stack has just begun: the lanes go first")
    # Great Expectations takes seconds to import: here, and never at parse time.
    from expectations.inspection import Unsound, inspect, inspected

    told: dict[str, Any] = {}
    unsound: list[str] = []
    for each in inspected():
        try:
            note = inspect(each, run_id, environment())
        except Unsound as fault:
            unsound.append(str(fault))
        else:
            if note is not None:
                told[each.label] = {name: note[name] for name in ("rows", "outcome")}
    if unsound:
        raise AirflowFailException("; ".join(unsound))
    if not told:
        raise AirflowSkipException("no table got anything since the last look")
    return told
