"""Candles in plain Python, to compare with: written from their meaning alone."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from pyspark.sql import Row

PLACES = Decimal("1e-18")


def told(trades: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the one-minute candles of these trades, by time and symbol."""
    by_minute: dict[tuple[datetime, str], list[Row]] = defaultdict(list)
    for trade in trades:
        minute = trade.timestamp.replace(second=0, microsecond=0)
        by_minute[minute, trade.symbol].append(trade)
    return [_candle(*key, by_minute[key]) for key in sorted(by_minute)]


def _candle(minute: datetime, symbol: str, trades: list[Row]) -> dict[str, Any]:
    inside = sorted(trades, key=lambda t: (t.timestamp, _number(t.trade_id)))
    prices = [trade.price for trade in inside]
    with localcontext(prec=200, rounding=ROUND_HALF_UP):
        volume = sum((t.quantity for t in inside), Decimal(0))
        paid = sum((t.price * t.quantity for t in inside), Decimal(0))
        vwap = (paid / volume).quantize(PLACES)
    return {
        "symbol": symbol,
        "window_start": minute,
        "open_price": prices[0],
        "high_price": max(prices),
        "low_price": min(prices),
        "close_price": prices[-1],
        "volume": volume,
        "vwap": vwap,
        "trade_count": len(inside),
    }


def _number(trade_id: str) -> int:
    return int(trade_id) if trade_id.isdigit() else -1
