"""The suites of the gate, made from the row rules and from what a batch must show."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import great_expectations.expectations as gxe
from great_expectations.expectations.metadata_types import FailureSeverity

from expectations import candles
from expectations.figures import MOST_JUMP
from expectations.gold import trades
from expectations.rule import Rule
from expectations.silver.trades import rules
from schemas.table import all_exchanges

ROWS = "silver_trades_rows"
INCREMENT = "silver_trades_increment"
GATE = (INCREMENT, ROWS)
"""What is asked before rows go on; the others are asked of what was written."""
GOLD = "gold_trades"
CANDLES = "gold_candles"
CRITICAL, WARNING = FailureSeverity.CRITICAL, FailureSeverity.WARNING


def all_suites() -> Mapping[str, Sequence[gxe.Expectation]]:
    """Return every suite by its name; no suite knows an exchange."""
    return {
        ROWS: row_rules(),
        INCREMENT: of_the_increment(),
        GOLD: [*of_what_came(trades.rules(), trades.WHY, "message_id"), to_gold()],
        CANDLES: [
            *of_what_came(
                candles.rules(timedelta(minutes=1)), candles.WHY, "candle's window"
            ),
            without_sums(),
        ],
    }


def row_rules() -> list[gxe.Expectation]:
    """Return one expectation a rule: its verdict is true in every row.

    Reasons are the same for every exchange; only the SQL behind them differs.
    """
    return [
        gxe.ExpectColumnValuesToBeInSet(
            column=rule.error_reason,
            value_set=[True],
            severity=CRITICAL,
            description=f"{rule.error_type}: {rule.error_reason}",
            notes="The rule that silver asked of each row, asked again.",
        )
        for rule in rules(all_exchanges()[0])
    ]


def of_the_increment() -> list[gxe.Expectation]:
    """Return what only the batch as a whole can show; its frame has one line."""
    return [
        figure(
            "row_count",
            "volume: there are rows",
            "An increment without rows would let every other rule pass.",
            at_least=1,
        ),
        figure(
            "price_jump",
            "price: within a factor of two of the last known",
            "The largest factor between a trade's price and the last close that gold "
            "knew of its symbol up to that day, else the median of the day's trades.",
            at_most=MOST_JUMP,
        ),
        figure(
            "blocking_share",
            "dead letters: under one in a hundred",
            "Share of bronze rows that became dead letters, once there are 20.",
            at_most=0.01,
        ),
        figure(
            "dead_letter_share",
            "dead letters: under one in a thousand",
            "Share of bronze rows that became dead letters.",
            severity=WARNING,
            at_most=0.001,
        ),
        figure(
            "ids_going_back",
            "order: trade ids go up with Kafka offsets",
            "After a reconnect or a replay they may go back; the ids then repeat.",
            severity=WARNING,
            at_most=0,
        ),
        figure(
            "delay_p95_s",
            "freshness: received and validated within two minutes",
            "95th percentile from the frame's receipt to silver's verdict, in seconds.",
            severity=WARNING,
            at_most=120,
        ),
    ]


def of_what_came(
    asked: Sequence[Rule], why: Mapping[str, str], key: str
) -> list[gxe.Expectation]:
    """Return what no row of a table may break; its frame has one line of counts.

    Rules of all widths of candles have the same reasons, which are asked here.
    """
    return [
        figure(
            "row_count",
            "volume: there are rows",
            "A look without rows would let every other rule pass.",
            at_least=1,
        ),
        figure(
            "repeated_keys",
            f"identity: each {key} once",
            "How often a row of the same key is there again among those that came.",
            at_most=0,
        ),
        *(
            figure(
                rule.error_reason,
                f"{rule.error_type}: {rule.error_reason}",
                why[rule.error_reason],
                at_most=0,
            )
            for rule in asked
        ),
    ]


def to_gold() -> gxe.Expectation:
    return figure(
        "to_gold_p95_s",
        "freshness: from the frame to gold within five minutes",
        "95th percentile from a frame's receipt to the gold run that took it, seconds.",
        severity=WARNING,
        at_most=300,
    )


def without_sums() -> gxe.Expectation:
    return figure(
        "without_sums",
        "volume: sums fit a decimal(38, 18)",
        "Candles of which a sum has more than 20 places before the point: it is NULL.",
        severity=WARNING,
        at_most=0,
    )


def figure(
    column: str,
    description: str,
    notes: str,
    severity: FailureSeverity = CRITICAL,
    at_least: float | None = None,
    at_most: float | None = None,
) -> gxe.Expectation:
    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        min_value=at_least,
        max_value=at_most,
        severity=severity,
        description=description,
        notes=notes,
    )
