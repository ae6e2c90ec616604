"""The rules in DuckDB: each sound trade keeps them all, each broken one is named."""

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from expectations.figures import verdicts
from expectations.rule import Rule, version_of
from expectations.silver.trades import rules
from schemas.exchange import opened
from schemas.table import all_exchanges
from tests.expectations.cases import broken, sound, trade_row
from tests.expectations.tables import schema_of

SOUND = [(name, case) for name in all_exchanges() for case in sound(name)]
BROKEN = [(name, *case) for name in all_exchanges() for case in broken(name)]


def reasons(exchange: str, changes: dict[str, Any]) -> list[str]:
    """Return the reason of each rule that the changed trade breaks."""
    asked = rules(exchange)
    engine = duckdb.connect()
    engine.execute("SET timezone = 'UTC'")
    row = pa.Table.from_pylist(
        [trade_row(exchange, **changes)], schema_of("silver.trades")
    )
    engine.register("trades", row)
    told = engine.execute(verdicts("trades", asked)).fetchone()
    assert told and None not in told
    return [
        rule.error_reason for rule, holds in zip(asked, told, strict=True) if not holds
    ]


@pytest.mark.parametrize(("exchange", "changes"), SOUND)
def test_a_sound_trade_keeps_every_rule(exchange: str, changes: dict[str, Any]) -> None:
    assert reasons(exchange, changes) == []


@pytest.mark.parametrize(("exchange", "changes", "expected"), BROKEN)
def test_a_broken_trade_is_given_its_reasons_in_order(
    exchange: str, changes: dict[str, Any], expected: list[str]
) -> None:
    assert reasons(exchange, changes) == expected


def test_every_rule_is_broken_by_some_case() -> None:
    for exchange in all_exchanges():
        shown = {reason for _, given in broken(exchange) for reason in given}
        assert shown == {rule.error_reason for rule in rules(exchange)}


def test_reasons_are_the_same_and_in_the_same_order_for_every_exchange() -> None:
    # One suite asks for all of them.
    told = {
        tuple(rule.error_reason for rule in rules(name)) for name in all_exchanges()
    }

    assert len(told) == 1
    assert len(set(*told)) == len(*told)


def test_an_exchange_nobody_knows_has_no_rules() -> None:
    with pytest.raises(LookupError, match="acme"):
        opened("acme")
    with pytest.raises(LookupError, match="acme"):
        rules("acme")


def test_a_version_names_exactly_its_rules() -> None:
    one = (Rule("a", "b", "c > 0"),)

    assert version_of(one) == version_of((Rule("a", "b", "c > 0"),))
    assert version_of(one) != version_of((Rule("a", "b", "c >= 0"),))
    assert version_of(one) != version_of(one * 2)
    given = (Rule("a", "b", "c > 0", (("c", "d + 1"),)),)
    assert version_of(one) != version_of(given)
    assert version_of(given) != version_of((Rule("a", "b", "c > 0", (("c", "d"),)),))
