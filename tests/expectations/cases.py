"""Sound trades, and what may be wrong with one: asked of whoever judges by rules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid5

from schemas.exchange import opened
from schemas.trade import MESSAGES

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def message_id(exchange: str, symbol: str, trade_id: str) -> str:
    """Return the id by Python's own UUIDv5; the rules compute it in SQL."""
    return str(uuid5(MESSAGES, f"{exchange.upper()}|{symbol}|{trade_id}"))


def trade_row(exchange: str, /, **changes: Any) -> dict[str, Any]:
    """Return a decoded row that breaks no rule, with these changes.

    Its `message_id` follows from the changed fields, unless it is itself changed.
    """
    row = {
        "trade_id": "109116693",
        "symbol": "BTCUSD",
        "exchange": exchange.upper(),
        "timestamp": NOON,
        "price": Decimal("83744.3"),
        "quantity": Decimal("0.00044780"),
        "base_asset": "BTC",
        "quote_currency": "USD",
        "side": "BUY",
        "ingestion_timestamp": NOON,
        "validation_timestamp": NOON + timedelta(seconds=2),
        "kafka_topic": f"market.crypto.trades.{exchange}",
        "kafka_partition": 0,
        "kafka_offset": 1,
    } | changes
    derived = message_id(exchange, str(row["symbol"]), str(row["trade_id"]))
    return {"message_id": derived} | row


def first_day(exchange: str) -> datetime:
    return datetime.combine(opened(exchange), datetime.min.time(), tzinfo=UTC)


def sound(exchange: str) -> list[dict[str, Any]]:
    """Return changes that break no rule."""
    return [
        {},
        {"side": "SELL"},
        {"trade_id": "0"},
        {"trade_id": "é|ü 7"},
        {"price": Decimal("0.000000000000000001")},
        {"price": Decimal("99999999999999999999.999999999999999999")},
        {"timestamp": NOON + timedelta(seconds=60)},
        {"timestamp": first_day(exchange)},
        {"base_asset": "1000SATS", "symbol": "1000SATSUSD"},
    ]


def broken(exchange: str) -> list[tuple[dict[str, Any], list[str]]]:
    """Return changes, and every reason they must be given, in order of the rules."""
    return [
        ({"message_id": None}, ["message_id_required", "message_id_mismatch"]),
        ({"message_id": ""}, ["message_id_required", "message_id_mismatch"]),
        ({"trade_id": None}, ["trade_id_required", "message_id_mismatch"]),
        ({"trade_id": ""}, ["trade_id_required"]),
        (
            {"symbol": None},
            ["symbol_required", "asset_pair_mismatch", "message_id_mismatch"],
        ),
        ({"symbol": ""}, ["symbol_required", "asset_pair_mismatch"]),
        ({"exchange": "OTHER"}, ["invalid_exchange", "message_id_mismatch"]),
        ({"exchange": None}, ["invalid_exchange", "message_id_mismatch"]),
        ({"base_asset": "ETH"}, ["asset_pair_mismatch"]),
        ({"base_asset": None, "symbol": "USD"}, ["asset_pair_mismatch"]),
        ({"quote_currency": "usd"}, ["asset_pair_mismatch"]),
        (
            {"message_id": message_id(exchange, "BTCUSD", "7")},
            ["message_id_mismatch"],
        ),
        (
            {"message_id": message_id(exchange, "BTCUSD", "109116693").upper()},
            ["message_id_mismatch"],
        ),
        ({"price": None}, ["price_is_null", "price_must_be_positive"]),
        ({"price": Decimal(0)}, ["price_must_be_positive"]),
        ({"price": Decimal("-0.01")}, ["price_must_be_positive"]),
        ({"quantity": None}, ["quantity_is_null", "quantity_must_be_positive"]),
        ({"quantity": Decimal(0)}, ["quantity_must_be_positive"]),
        ({"quantity": Decimal(-1)}, ["quantity_must_be_positive"]),
        ({"side": "buy"}, ["invalid_side"]),
        ({"side": None}, ["invalid_side"]),
        (
            {"timestamp": None},
            ["timestamp_required", "timestamp_in_future", "timestamp_too_old"],
        ),
        (
            {"timestamp": NOON + timedelta(seconds=60, microseconds=1)},
            ["timestamp_in_future"],
        ),
        (
            {"timestamp": first_day(exchange) - timedelta(microseconds=1)},
            ["timestamp_too_old"],
        ),
    ]
