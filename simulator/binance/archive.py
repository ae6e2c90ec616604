"""Binance's daily files: a ZIP with one CSV, and its SHA-256 beside it."""

import asyncio
import hashlib
import io
import time
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from aiohttp import web

from simulator.feed import Feed
from simulator.trade import Trade

IN_MICROSECONDS = date(2025, 1, 1)
PIECE = 2000
KEPT = 6
DAY_NS = 86_400 * 10**9


class Archive:
    """`/data/spot/daily/trades`: days that are over, as far back as REST reaches."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._made: OrderedDict[tuple[str, date, int], asyncio.Task[bytes]] = (
            OrderedDict()
        )

    def routes(self, prefix: str) -> Iterator[web.RouteDef]:
        path = f"{prefix}/data/spot/daily/trades/{{symbol}}/{{file}}"
        yield web.get(path, self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        symbol, file = request.match_info["symbol"], request.match_info["file"]
        name = file.removesuffix(".CHECKSUM")
        day = day_of(symbol, name)
        if day is None or symbol not in self.feed.symbols or not over(day):
            raise web.HTTPNotFound(text="NoSuchKey")
        begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        first = self.feed.at(symbol, begin * 10**9)
        after = self.feed.at(symbol, begin * 10**9 + DAY_NS)
        last = min(after - 1, self.feed.last(symbol))
        if after <= self.feed.first(symbol):
            # Not listed yet. A later day without a trade has a file without a line.
            raise web.HTTPNotFound(text="NoSuchKey")
        packed = await self.packed(symbol, day, first, last)
        if file == name:
            return web.Response(body=packed, content_type="application/zip")
        return web.Response(text=f"{hashlib.sha256(packed).hexdigest()}  {name}\n")

    async def packed(self, symbol: str, day: date, first: int, last: int) -> bytes:
        """Return the file of a day's trades; it is made once."""
        key = (symbol, day, last)
        if key not in self._made:
            work = self._pack(symbol, day, first, last)
            self._made[key] = asyncio.create_task(work)
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        return await asyncio.shield(self._made[key])

    async def _pack(self, symbol: str, day: date, first: int, last: int) -> bytes:
        scale = 1000 if day >= IN_MICROSECONDS else 1
        to = io.BytesIO()
        with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as file:
            inside = zipfile.ZipInfo(f"{symbol}-trades-{day}.csv", day.timetuple()[:6])
            inside.compress_type = zipfile.ZIP_DEFLATED
            with file.open(inside, "w") as rows:
                for at in range(first, last + 1, PIECE):
                    trades = self.feed.trades(symbol, at, min(at + PIECE - 1, last))
                    text = "".join(line(trade, scale) for trade in trades)
                    rows.write(text.encode())
                    # Live trades flow on while a day is packed.
                    await asyncio.sleep(0)
        return to.getvalue()


def line(trade: Trade, scale: int) -> str:
    worth = Decimal(trade.price) * Decimal(trade.quantity)
    maker = "True" if trade.side == "sell" else "False"
    return (
        f"{trade.trade_id},{trade.price},{trade.quantity},{worth:.8f},"
        f"{trade.time_ms * scale},{maker},True\n"
    )


def day_of(symbol: str, name: str) -> date | None:
    """Return the day that a file's name tells; `None` if it is nobody's name."""
    head, tail = f"{symbol}-trades-", ".zip"
    if not name.startswith(head) or not name.endswith(tail):
        return None
    try:
        return date.fromisoformat(name[len(head) : -len(tail)])
    except ValueError:
        return None


def over(day: date) -> bool:
    return datetime.fromtimestamp(time.time(), UTC).date() >= day + timedelta(days=1)
