"""The newest audit of a day is told to people and to scripts."""

import io
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from rich.console import Console

from query.audit import audit
from query.audit_view import page
from query.reading.lake import Lake
from query.reading.refused import QueryRefused
from tests.expectations.cases import NOON
from tests.expectations.tables import append, created

DAY = date(2026, 11, 22)


def row(check: str, state: str, **changes: Any) -> dict[str, Any]:
    said = {
        "run_id": "one",
        "audited_at": NOON,
        "day": DAY,
        "exchange": "ACME",
        "check_name": check,
        "state": state,
        "asked": "this with that",
        "expected": 1234,
        "found": 1235,
        "differing": 0,
        "samples": "[]",
        "note": "",
    }
    return said | changes


def printed(told: dict[str, Any], width: int = 200) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(page(told))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def audited(small: Lake, catalog: SqlCatalog) -> Lake:
    """Two audits of a day, of which the second is red, and one of the day before."""
    table = created(catalog, "gold.audits", "")
    later: datetime = NOON + timedelta(hours=1)
    bad = {"differing": 1, "samples": json.dumps(["[b]BTCUSD 5"]), "note": "mend it"}
    append(
        table,
        "gold.audits",
        [
            row("gold is unique", "passed"),
            row("gold is unique", "passed", day=DAY - timedelta(days=1)),
            row("gold is unique", "failed", run_id="two", audited_at=later, **bad),
            row("trade ids", "passed", run_id="two", audited_at=later),
            row(
                "bronze = silver + dead letters",
                "not comparable",
                run_id="two",
                audited_at=later,
                expected=None,
                found=None,
                note="not out yet",
            ),
        ],
    )
    return small


def test_the_newest_audit_is_told_with_what_differs_and_what_to_do(
    audited: Lake,
) -> None:
    told = audit(audited)

    assert (told["day"], told["holds"]) == ("2026-11-22", False)
    figures = told["failed"], told["passed"], told["not_comparable"]
    assert figures == (1, 1, 1)
    assert {each["run_id"] for each in told["checks"]} == {"two"}
    text = printed(told)
    narrow = printed(told, 80).split("mend it")[0]
    assert "…" not in narrow and "n/a" in narrow
    for said in ("1,235", "mend it", "[b]BTCUSD 5", "not out yet", "runbooks/audit.md"):
        assert said in text


def test_another_day_is_asked_for_by_name(audited: Lake) -> None:
    told = audit(audited, "2026-11-21")

    assert (told["holds"], told["passed"]) == (True, 1)
    assert "1 checks hold" in printed(told)
    with pytest.raises(QueryRefused, match="no day"):
        audit(audited, "2026-11-21' OR true --")


def test_without_an_audit_it_is_said_how_to_ask_for_one(
    small: Lake, catalog: SqlCatalog
) -> None:
    created(catalog, "gold.audits", "")

    told = audit(small, "2026-11-20")

    assert not told["holds"]
    assert "no audit of 2026-11-20 yet" in printed(told)
