"""Sound trades and candles of gold, and what may be wrong with one."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.table import all_exchanges
from tests.expectations.cases import NOON, trade_row

EXCHANGE = all_exchanges()[0]
WIDTHS = {"1m": 60, "5m": 300, "1h": 3600, "1d": 86_400}


def trade(number: int, **changes: Any) -> dict[str, Any]:
    row = trade_row(EXCHANGE, trade_id=str(number), **changes)
    del row["validation_timestamp"]
    return row | {
        "exchange_date": changes.get("exchange_date", NOON.date()),
        "exchange_hour": changes.get("exchange_hour", NOON.hour),
        "gold_ingestion_timestamp": changes.get(
            "gold_ingestion_timestamp", NOON + timedelta(seconds=9)
        ),
    }


def candle(width: str = "1m", start: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """Return a sound candle of three trades, with these changes."""
    begins = start.replace(hour=0) if width == "1d" else start
    return {
        "exchange": EXCHANGE.upper(),
        "symbol": "BTCUSD",
        "window_start": begins,
        "window_end": begins + timedelta(seconds=WIDTHS[width]),
        "window_date": begins.date(),
        "open_price": Decimal("10.5"),
        "high_price": Decimal("12"),
        "low_price": Decimal("10"),
        "close_price": Decimal("11"),
        "volume": Decimal("6"),
        "quote_volume": Decimal("66"),
        "taker_buy_volume": Decimal("2"),
        "vwap": Decimal("11"),
        "trade_count": 3,
        "created_at": NOON,
        "updated_at": NOON + timedelta(minutes=1),
    } | changes


CANDLES: Sequence[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    (
        {"high_price": Decimal(12), "low_price": Decimal(12)}
        | {name: Decimal(12) for name in ("open_price", "close_price", "vwap")},
        [],
    ),
    ({"volume": None, "taker_buy_volume": None, "vwap": None}, ["without_sums"]),
    ({"taker_buy_volume": Decimal(0)}, []),
    ({"taker_buy_volume": Decimal(6)}, []),
    (
        {"high_price": Decimal(9)},
        ["close_outside", "high_below_low", "open_outside", "vwap_outside"],
    ),
    ({"low_price": Decimal(0)}, ["price_must_be_positive"]),
    ({"open_price": Decimal("9.999999999999999999")}, ["open_outside"]),
    ({"open_price": Decimal("12.000000000000000001")}, ["open_outside"]),
    ({"close_price": Decimal(13)}, ["close_outside"]),
    ({"vwap": Decimal("12.000001")}, ["vwap_outside"]),
    ({"vwap": Decimal("9.9")}, ["vwap_outside"]),
    (
        {"volume": Decimal(-1)},
        ["taker_buy_volume_outside", "volume_must_be_positive"],
    ),
    ({"taker_buy_volume": Decimal("6.1")}, ["taker_buy_volume_outside"]),
    ({"taker_buy_volume": Decimal("-0.1")}, ["taker_buy_volume_outside"]),
    ({"trade_count": 0}, ["without_trades"]),
    ({"window_start": NOON + timedelta(seconds=1)}, ["window_not_aligned"]),
    ({"window_end": NOON + timedelta(seconds=61)}, ["window_not_aligned"]),
    ({"window_date": date(2026, 11, 23)}, ["window_not_aligned"]),
    ({"close_price": None}, ["close_outside"]),
]
GOLD: Sequence[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"message_id": "another"}, ["message_id_mismatch"]),
    ({"price": None}, ["price_is_null", "price_must_be_positive"]),
    ({"price": Decimal(0)}, ["price_must_be_positive"]),
    ({"quantity": None}, ["quantity_is_null", "quantity_must_be_positive"]),
    ({"side": "buy"}, ["invalid_side"]),
    ({"exchange_hour": 13}, ["day_or_hour_mismatch"]),
    ({"exchange_date": date(2026, 11, 21)}, ["day_or_hour_mismatch"]),
    (
        {"gold_ingestion_timestamp": NOON - timedelta(seconds=61)},
        ["promoted_before_received"],
    ),
    ({"gold_ingestion_timestamp": NOON + timedelta(hours=1)}, ["to_gold_p95_s"]),
]
