"""What must be true of a trade before anyone may build on it."""

from datetime import UTC, datetime

from expectations.rule import Rule
from schemas.exchange import opened
from schemas.trade import MESSAGES


def rules(exchange: str) -> tuple[Rule, ...]:
    """Return the rules of one exchange's trades, the first to report coming first.

    Times are judged against `ingestion_timestamp` and never against a clock, so that
    a replay gives the same verdict.
    """
    return (*identity(exchange), *amounts(), *times(exchange))


def identity(exchange: str) -> tuple[Rule, ...]:
    kind = "identity_validation"
    return (
        Rule(kind, "message_id_required", "length(message_id) > 0"),
        Rule(kind, "trade_id_required", "length(trade_id) > 0"),
        Rule(kind, "symbol_required", "length(symbol) > 0"),
        Rule(kind, "invalid_exchange", f"exchange = '{exchange.upper()}'"),
        Rule(kind, "asset_pair_mismatch", "symbol = base_asset || quote_currency"),
        Rule(
            kind,
            "message_id_mismatch",
            f"message_id = {uuid5('trade_digest')}",
            (("trade_digest", digest_of_the_trade()),),
        ),
    )


def amounts() -> tuple[Rule, ...]:
    return (
        Rule("price_validation", "price_is_null", "price IS NOT NULL"),
        Rule("price_validation", "price_must_be_positive", "price > 0"),
        Rule("quantity_validation", "quantity_is_null", "quantity IS NOT NULL"),
        Rule("quantity_validation", "quantity_must_be_positive", "quantity > 0"),
        Rule("side_validation", "invalid_side", "side IN ('BUY', 'SELL')"),
    )


def times(exchange: str) -> tuple[Rule, ...]:
    kind = "timestamp_validation"
    day = datetime.combine(opened(exchange), datetime.min.time(), tzinfo=UTC)
    return (
        Rule(kind, "timestamp_required", "timestamp IS NOT NULL"),
        Rule(
            kind,
            "timestamp_in_future",
            "timestamp <= ingestion_timestamp + INTERVAL 60 SECONDS",
        ),
        Rule(
            kind,
            "timestamp_too_old",
            f"timestamp >= CAST('{day:%Y-%m-%d %H:%M:%S}+00:00' AS {ZONED})",
        ),
    )


# Spark's TIMESTAMP is an instant; DuckDB reads the text with its zone into its own
# TIMESTAMP only after that zone was applied, and both run in UTC.
ZONED = "TIMESTAMP"


def digest_of_the_trade() -> str:
    """Return SQL for what a UUIDv5 of exchange, symbol and trade_id is cut from.

    Bytes are built from hexadecimal text, the one way that both engines spell alike.
    """
    name = "exchange || '|' || symbol || '|' || trade_id"
    return f"sha1(unhex('{MESSAGES.hex}' || hex({name})))"


def uuid5(digest: str) -> str:
    """Return SQL for the UUIDv5 that a digest in this column gives."""
    variant = (
        "substr('89ab89ab89ab89ab', "
        f"instr('0123456789abcdef', substr({digest}, 17, 1)), 1)"
    )
    return (
        f"substr({digest}, 1, 8) || '-' || substr({digest}, 9, 4) || '-5' || "
        f"substr({digest}, 14, 3) || '-' || {variant} || substr({digest}, 18, 3) || "
        f"'-' || substr({digest}, 21, 12)"
    )
