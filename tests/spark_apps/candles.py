"""Candles in plain Python, to compare with: written from their meaning alone."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from pyspark.sql import Row

PLACES = Decimal("1e-18")
MINUTE = timedelta(minutes=1)
SUMS = ("volume", "quote_volume", "taker_buy_volume", "vwap")


def told(trades: Sequence[Row], width: timedelta = MINUTE) -> list[dict[str, Any]]:
    """Return the candles of these trades, by time and symbol."""
    windows: dict[tuple[datetime, str], list[Row]] = defaultdict(list)
    for trade in trades:
        start = trade.timestamp - (trade.timestamp - datetime(1970, 1, 1)) % width
        windows[start, trade.symbol].append(trade)
    return [_candle(*key, windows[key], width) for key in sorted(windows)]


def _candle(
    start: datetime, symbol: str, trades: list[Row], width: timedelta
) -> dict[str, Any]:
    inside = sorted(trades, key=lambda t: (t.timestamp, _number(t.trade_id)))
    prices = [trade.price for trade in inside]
    with localcontext(prec=200, rounding=ROUND_HALF_UP):
        volume = sum((t.quantity for t in inside), Decimal(0))
        paid = sum((t.price * t.quantity for t in inside), Decimal(0))
        bought = sum((t.quantity for t in inside if t.side == "BUY"), Decimal(0))
        sums = (volume, paid, bought, (paid / volume).quantize(PLACES))
    return {
        "symbol": symbol,
        "window_start": start,
        "window_end": start + width,
        "open_price": prices[0],
        "high_price": max(prices),
        "low_price": min(prices),
        "close_price": prices[-1],
        **dict(zip(SUMS, sums, strict=True)),
        "trade_count": len(inside),
    }


def _number(trade_id: str) -> int:
    return int(trade_id) if trade_id.isdigit() else -1
