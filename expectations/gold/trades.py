"""What must be true of a trade in gold, beyond what its gate saw in silver."""

from collections.abc import Mapping

from expectations.rule import Rule
from expectations.silver.trades import amounts, digest_of_the_trade, uuid5


def rules() -> tuple[Rule, ...]:
    """Return the rules of gold's rows, of whatever exchange."""
    return (
        Rule(
            "identity_validation",
            "message_id_mismatch",
            f"message_id = {uuid5('trade_digest')}",
            (("trade_digest", digest_of_the_trade()),),
        ),
        *amounts(),
        Rule(
            "timestamp_validation",
            "day_or_hour_mismatch",
            "exchange_date = CAST(timestamp AS DATE) "
            "AND exchange_hour = hour(timestamp)",
        ),
        Rule(
            "timestamp_validation",
            "promoted_before_received",
            "ingestion_timestamp <= gold_ingestion_timestamp + INTERVAL 60 SECONDS",
        ),
    )


WHY: Mapping[str, str] = {
    "message_id_mismatch": "The id follows from exchange, symbol and trade id: another "
    "one names another trade, which is then there twice or not at all.",
    "price_is_null": "A trade has a price.",
    "price_must_be_positive": "Silver asked it; gold may not have bent it since.",
    "quantity_is_null": "A trade has a quantity.",
    "quantity_must_be_positive": "Silver asked it; gold may not have bent it since.",
    "invalid_side": "The taker bought or sold; candles tell both apart by it.",
    "day_or_hour_mismatch": "Day and hour are those of the trade's time in UTC: who "
    "reads by them would miss the trade.",
    "promoted_before_received": "The run that took it began before its frame came: "
    "a clock, or a column, is wrong.",
}
"""Of each rule, what it means that a row breaks it."""
