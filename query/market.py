"""The market as gold shows it: the last hour's prices, and trades a second."""

from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from query.reading.lake import Lake
from query.show import answered, plain
from schemas.table import table_at

WINDOW = timedelta(hours=1)
SYMBOLS_SHOWN = 12
"""The busiest of the hour; an exchange may have hundreds."""
LEAST_MINUTES = 15
RATE_MINUTES = 5
CANDLES = table_at("gold.candles_1m").stored_as
NEWEST = f"SELECT epoch_us(max(window_start)) FROM {CANDLES}"
HOUR = f"""
SELECT exchange, symbol, epoch(window_start)::BIGINT AS minute, close_price,
       trade_count
FROM {CANDLES} WHERE window_start > $1::TIMESTAMPTZ AND window_start <= $2::TIMESTAMPTZ
ORDER BY exchange, symbol, window_start"""


def market(lake: Lake) -> dict[str, Any]:
    """Return the hour up to gold's newest candle, whenever that is.

    `minutes` are the starts of its windows, in seconds since 1970: 60, or from the
    first candle on, and 15 at least. `trades` has each exchange's number of trades in
    them; `rate_s` is its trades a second over the last five that are over, or as many
    as there are. `symbols` are the busiest of the hour, `of` so many: by name, so that
    none moves. The last price is text; `closes` are null where nothing traded.
    """
    newest = newest_window(lake)
    if newest is None:
        return {"until": None, "minutes": [], "trades": [], "symbols": [], "of": 0}
    lake.view(CANDLES)
    rows = lake.engine.execute(HOUR, [newest - WINDOW, newest]).fetchall()
    last = int(newest.timestamp())
    # A lake that began a moment ago has its few minutes drawn wide.
    first = min(last - LEAST_MINUTES * 60 + 60, *(minute for _, _, minute, *_ in rows))
    minutes = list(range(first, last + 60, 60))
    symbols = by_symbol(rows, minutes)
    return {
        "until": (newest + timedelta(minutes=1)).isoformat(timespec="seconds"),
        "minutes": minutes,
        "trades": by_exchange(rows, minutes),
        "symbols": sorted(
            symbols[:SYMBOLS_SHOWN], key=itemgetter("symbol", "exchange")
        ),
        "of": len(symbols),
    }


def newest_window(lake: Lake) -> datetime | None:
    """Return where gold's newest candle of a minute begins; None if it has none."""
    _, rows = lake.read(NEWEST, answered)
    ((moment,),) = rows
    match moment:
        case int():
            return datetime.fromtimestamp(moment / 1e6, UTC)
        case _:
            return None


def by_symbol(rows: list[Any], minutes: list[int]) -> list[dict[str, Any]]:
    """Return the symbols of the rows, the busiest first."""
    place = {minute: number for number, minute in enumerate(minutes)}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for exchange, symbol, minute, close, count in rows:
        told = found.setdefault(
            (exchange, symbol),
            {
                "exchange": exchange,
                "symbol": symbol,
                "trades": 0,
                "closes": [None] * len(minutes),
            },
        )
        told["price"] = plain(close)
        told["trades"] += count
        # To be drawn, not to be counted with: a float has digits enough.
        told["closes"][place[minute]] = float(close)
    return sorted(found.values(), key=lambda told: -told["trades"])


def by_exchange(rows: list[Any], minutes: list[int]) -> list[dict[str, Any]]:
    """Return each exchange's trades a window, and its rate before the newest one."""
    place = {minute: number for number, minute in enumerate(minutes)}
    counts: dict[str, list[int]] = {}
    for exchange, _, minute, _, count in rows:
        counts.setdefault(exchange, [0] * len(minutes))[place[minute]] += count
    # The newest window is not over, or not whole in gold.
    begun = min((row[2] for row in rows), default=0)
    over = min(RATE_MINUTES, max(1, (minutes[-1] - begun) // 60))
    return [
        {
            "exchange": exchange,
            "counts": each,
            "rate_s": round(sum(each[-1 - over : -1]) / over / 60, 2),
        }
        for exchange, each in counts.items()
    ]
