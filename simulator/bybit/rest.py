"""Bybit REST: the newest trades, symbols and the time; errors come in HTTP 200."""

import time
from collections.abc import Callable, Iterator, Mapping

from aiohttp import web

from simulator.bybit.frames import compact, row
from simulator.bybit.markets import MARKETS
from simulator.feed import Feed

PAGE = 60
WRONG = 10001
TOO_MANY_VISITS = 10006


class Rest:
    """The REST paths under `/v5/market`."""

    def __init__(self, feed: Feed, time_ns: Callable[[], int]) -> None:
        self.feed = feed
        self.time_ns = time_ns

    def routes(self, prefix: str) -> Iterator[web.RouteDef]:
        yield web.get(f"{prefix}/recent-trade", self.newest)
        yield web.get(f"{prefix}/instruments-info", self.instruments)
        yield web.get(f"{prefix}/time", self.time)

    async def newest(self, request: web.Request) -> web.Response:
        """Answer with the newest trades, newest first: 60, and no older ones."""
        query = request.query
        symbol, limit = query.get("symbol", ""), query.get("limit", str(PAGE))
        if query.get("category") != "spot":
            return refused(WRONG, "Illegal category")
        if symbol not in self.feed.symbols:
            return refused(WRONG, "Not supported symbols")
        if not limit.isdecimal() or not 1 <= int(limit) <= PAGE:
            return refused(WRONG, "params error: limit invalid")
        last = self.feed.last(symbol)
        found = list(self.feed.trades(symbol, last - int(limit) + 1, last))
        return answered({"category": "spot", "list": [*map(row, reversed(found))]})

    async def instruments(self, request: web.Request) -> web.Response:
        if request.query.get("category") != "spot":
            return refused(WRONG, "Illegal category")
        rows = [
            {
                "symbol": market.symbol,
                "baseCoin": market.base,
                "quoteCoin": market.quote,
                "innovation": "0",
                "status": "Trading",
                "lotSizeFilter": {"basePrecision": "0.00000001"},
                "priceFilter": {"tickSize": f"{10**-market.tick_decimals}"},
            }
            for market in MARKETS
        ]
        return answered({"category": "spot", "list": rows})

    async def time(self, request: web.Request) -> web.Response:
        now = self.time_ns()
        return answered({"timeSecond": str(now // 10**9), "timeNano": str(now)})


def answered(
    result: Mapping[str, object], code: int = 0, why: str = "OK"
) -> web.Response:
    said = {
        "retCode": code,
        "retMsg": why,
        "result": result,
        "retExtInfo": {},
        "time": time.time_ns() // 1_000_000,
    }
    return web.json_response(said, dumps=compact)


def refused(code: int, why: str) -> web.Response:
    return answered({}, code, why)


def busy() -> web.Response:
    """Return what Bybit says of too many requests: HTTP 200 as well."""
    return refused(TOO_MANY_VISITS, "Too many visits!")
