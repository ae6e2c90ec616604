"""The page of the reasons for which rows are refused, from the rules themselves."""

from collections.abc import Sequence

from expectations.gold import trades as gold
from expectations.rule import Rule
from expectations.silver import trades as silver
from handbook.markdown import table
from schemas.table import all_exchanges

HEAD = """\
# Rules and reasons

A row of silver met each of these conditions. One that did not is a row of
`silver_dead_letters`, with the first reason in this order as its `error_reason`; the
others stand in `error_detail`. Times are judged against the moment in which the frame
came and never against a clock, so that a replay gives the same verdict. A condition
that is NULL is not met. Name and first day of the exchange are those of {} here.

"""
BETWEEN = """
## What gold is looked at for

The DAG `inspection` asks this of what gold's trades got since its last look. A fault
closes no lane: it is red there, and the watch tells of it.

"""


READ = """
## What cannot be read

A message that cannot be read is asked no rule; a frame that capture could not read
never became a message. Both are dead letters, of the stages `silver` and `ingest`.

"""
REASONS = {
    "empty_payload": ("decode", "the message has no bytes"),
    "bad_wire_header": ("decode", "its first five bytes are no header of the registry"),
    "unknown_schema_id": (
        "decode",
        "the registry did not know its schema for `BULLION_UNKNOWN_SCHEMA_SECONDS`",
    ),
    "deserialization_failed": ("decode", "the bytes are no record of that schema"),
    "frame_unparseable": ("decode", "the frame is of no kind or shape that is known"),
    "symbol_unknown": ("decode", "the exchange's list does not have the symbol"),
}


def page() -> str:
    """Return the reasons of silver and of gold, with their conditions in SQL."""
    example = all_exchanges()[0]
    head = HEAD.format(example.upper())
    read = ((f"`{reason}`", *means) for reason, means in REASONS.items())
    reading = READ + table(("reason", "kind", "what it means"), read)
    return head + told(silver.rules(example)) + reading + BETWEEN + told(gold.rules())


def told(rules: Sequence[Rule]) -> str:
    rows = (
        (f"`{rule.error_reason}`", rule.error_type, condition(rule)) for rule in rules
    )
    return table(("reason", "kind", "condition"), rows)


def condition(rule: Rule) -> str:
    """Return its SQL, or in words where the SQL is a digest that no one reads."""
    if rule.given:
        return "the UUIDv5 of `exchange`, `symbol` and `trade_id`, joined by bars"
    return f"`{rule.holds}`"
