"""A job takes what it is told as a day, an id or a name, or refuses it."""

import pytest

from ingestion.__main__ import EXPLAINED, arguments
from ingestion.backfill import DayUnreadable, day_of
from ingestion.exchange import load
from ingestion.fill import HolesUnreadable

HOSTILE = [
    "'; DROP TABLE trade_gaps; --",
    "$(id)",
    "`id`",
    "{{ 7 * 7 }}",
    "../../../etc/passwd",
    "2026-11-05\n",
    "2026-11-05\n--only-held",
    "--only-held",
    "A" * 100_000,
    "०२०२६-११-०५",
    "",
    "9999-12-31",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_what_is_no_day_that_is_over_is_refused(text: str) -> None:
    with pytest.raises(DayUnreadable):
        day_of(text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_a_name_that_is_no_folder_is_refused_before_any_path_is_made(text: str) -> None:
    with pytest.raises(EXPLAINED):
        load(text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
@pytest.mark.parametrize("words", [("fill", "--holes"), ("tally", "x", "--days")])
def test_an_option_is_read_or_refused(words: tuple[str, ...], text: str) -> None:
    with pytest.raises((SystemExit, HolesUnreadable, DayUnreadable)):
        arguments().parse_args([*words, text])
