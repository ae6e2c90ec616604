"""A small market in real Iceberg tables: two exchanges, one asset, two quotes."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog

from schemas.table import all_exchanges, all_tables
from tests.expectations.cases import trade_row
from tests.expectations.tables import append, created, lake

ONE, TWO = all_exchanges()[:2]
HOUR = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOLD = "gold_crypto_trades"
PRICES = {ONE: Decimal("83744.300000000000000001"), TWO: Decimal("83751.25")}
QUOTES = {ONE: "USDT", TWO: "USD"}
FIELDS = {
    ONE: {"native_symbol": "BTCUSDT", "is_buyer_maker": "true", "side": "S"},
    TWO: {"native_symbol": "BTC/USD", "ord_type": "limit", 'od"d': "it's"},
}
"""Fields such as an exchange sends; one is named as a column is."""


def gold_rows(exchange: str, first: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield trades twenty seconds apart, each at another price and of another size."""
    for number in range(first, first + count):
        at = HOUR + timedelta(seconds=20 * number)
        yield trade_row(
            exchange,
            trade_id=str(number),
            timestamp=at,
            price=PRICES[exchange] + number * Decimal("0.142857142857142857"),
            quantity=Decimal("0.123456789012345678") * (number + 1),
            symbol="BTC" + QUOTES[exchange],
            quote_currency=QUOTES[exchange],
        ) | {
            "vendor_data": list(FIELDS[exchange].items()),
            "exchange_date": at.date(),
            "exchange_hour": at.hour,
            "gold_ingestion_timestamp": at,
        }


def candles(rows: list[dict[str, Any]], width: timedelta) -> list[dict[str, Any]]:
    """Return the candles of trades in their order, as gold's tables have them."""
    found: dict[tuple[str, str, datetime], list[Mapping[str, Any]]] = {}
    for row in rows:
        start = HOUR + (row["timestamp"] - HOUR) // width * width
        if width == timedelta(days=1):
            start = HOUR.replace(hour=0)
        found.setdefault((row["exchange"], row["symbol"], start), []).append(row)
    return [
        {
            "exchange": exchange,
            "symbol": symbol,
            "window_start": start,
            "window_end": start + width,
            "window_date": start.date(),
            "open_price": of[0]["price"],
            "high_price": max(row["price"] for row in of),
            "low_price": min(row["price"] for row in of),
            "close_price": of[-1]["price"],
            "volume": sum(row["quantity"] for row in of),
            "trade_count": len(of),
            "created_at": start,
            "updated_at": start,
        }
        for (exchange, symbol, start), of in found.items()
    ]


def commit(catalog: SqlCatalog, rows: list[dict[str, Any]]) -> int:
    """Append trades to gold, and their candles; return the trades' snapshot."""
    for name, width in (("1m", timedelta(minutes=1)), ("1d", timedelta(days=1))):
        table = catalog.load_table(f"market_data.gold_crypto_candles_{name}")
        append(table, f"gold.candles_{name}", candles(rows, width))
    return append(catalog.load_table(f"market_data.{GOLD}"), "gold.trades", rows)


def market(folder: Path) -> SqlCatalog:
    """Return a lake with every table, and no row."""
    catalog = lake(folder)
    for table in all_tables():
        for exchange in all_exchanges() if table.per_exchange else ("",):
            created(catalog, table.address, exchange)
    return catalog
