"""Binance REST: trades by id, the newest trades, symbols and the time."""

import time
from collections.abc import Callable, Iterator

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.binance.frames import aggregate, compact, row
from simulator.feed import Feed
from simulator.pace import Pace
from simulator.trade import Trade

QUOTES = ("FDUSD", "USDT", "USDC", "TRY", "EUR", "BTC", "ETH", "BNB")
PAGE = 1000
HOUR_MS = 3_600_000


class Refused(Exception):
    """The request gets HTTP 400, or what else is said, and a code of Binance's."""

    def __init__(self, code: int, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.code = code
        self.status = status


class Weight:
    """The weight used in this minute, by everybody together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.minute = 0
        self.used = 0

    def take(self, weight: int) -> int:
        """Return the weight used, this request included.

        Raises:
            Refused: the minute's budget is spent.
        """
        minute = int(time.time() // 60)
        if minute != self.minute:
            self.minute, self.used = minute, 0
        self.used += weight
        if self.used > self.limit:
            raise Refused(
                -1003,
                f"Too much request weight used; current limit is {self.limit} "
                "request weight per 1 MINUTE. Please use WebSocket Streams for live "
                "updates to avoid polling the API.",
                429,
            )
        return self.used


class Rest:
    """The REST paths under `/api/v3`."""

    def __init__(self, feed: Feed, pace: Pace, time_ns: Callable[[], int]) -> None:
        self.feed = feed
        self.time_ns = time_ns
        self.weight = Weight(pace.weight_per_minute)

    def routes(self, prefix: str) -> Iterator[web.RouteDef]:
        answers: dict[str, tuple[int, Callable[[web.Request], object]]] = {
            "trades": (25, self.newest),
            "historicalTrades": (25, self.historical),
            "aggTrades": (4, self.aggregates),
            "exchangeInfo": (20, self.symbols),
            "time": (1, lambda _: {"serverTime": self.time_ns() // 1_000_000}),
        }
        for path, (weight, answer) in answers.items():
            yield web.get(f"{prefix}/{path}", self.handler(weight, answer))

    def handler(self, weight: int, answer: Callable[[web.Request], object]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            headers = {}
            try:
                used = self.weight.take(weight)
                headers["X-MBX-USED-WEIGHT-1M"] = str(used)
                body: object = answer(request)
                status = 200
            except Refused as refused:
                body = {"code": refused.code, "msg": str(refused)}
                status = refused.status
                if status == 429:
                    headers["Retry-After"] = str(60 - int(time.time()) % 60)
            return web.json_response(
                body, status=status, headers=headers, dumps=compact
            )

        return handle

    def newest(self, request: web.Request) -> list[dict[str, object]]:
        symbol, limit = self.symbol(request), number(request, "limit", 500)
        last = self.feed.last(symbol)
        trades = self.feed.trades(symbol, last - min(limit, PAGE) + 1, last)
        return [row(trade, micros(request)) for trade in trades]

    def historical(self, request: web.Request) -> list[dict[str, object]]:
        if "fromId" not in request.query:
            return self.newest(request)
        symbol, limit = self.symbol(request), number(request, "limit", 500)
        begin = max(number(request, "fromId", 0), self.feed.first(symbol))
        trades = self.feed.trades(symbol, begin, begin + min(limit, PAGE) - 1)
        return [row(trade, micros(request)) for trade in trades]

    def aggregates(self, request: web.Request) -> list[dict[str, object]]:
        return [aggregate(one, micros(request)) for one in self.window(request)]

    def window(self, request: web.Request) -> Iterator[Trade]:
        """Return the trades from an id, or from a time, or the newest."""
        symbol = self.symbol(request)
        limit = min(number(request, "limit", 500), PAGE)
        last = self.feed.last(symbol)
        begin = last - limit + 1
        if "fromId" in request.query:
            begin = max(number(request, "fromId", 0), self.feed.first(symbol))
        elif "startTime" in request.query:
            start = number(request, "startTime", 0)
            end = number(request, "endTime", start + HOUR_MS)
            begin = self.feed.at(symbol, start * 1_000_000)
            last = min(last, self.feed.at(symbol, (end + 1) * 1_000_000) - 1)
        return self.feed.trades(symbol, begin, min(last, begin + limit - 1))

    def symbols(self, request: web.Request) -> dict[str, object]:
        wanted = list(self.feed.symbols)
        if "symbol" in request.query:
            wanted = [self.symbol(request)]
        return {
            "timezone": "UTC",
            "serverTime": self.time_ns() // 1_000_000,
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": self.weight.limit,
                }
            ],
            "exchangeFilters": [],
            "symbols": [listed(symbol) for symbol in wanted],
        }

    def symbol(self, request: web.Request) -> str:
        symbol = request.query.get("symbol", "")
        if not symbol:
            raise Refused(
                -1102,
                "Mandatory parameter 'symbol' was not sent, was empty/null, or "
                "malformed.",
            )
        if symbol not in self.feed.symbols:
            raise Refused(-1121, "Invalid symbol.")
        return symbol


def listed(symbol: str) -> dict[str, object]:
    quote = next(quote for quote in (*QUOTES, symbol[-3:]) if symbol.endswith(quote))
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix(quote),
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00000001"},
        ],
        "permissions": ["SPOT"],
    }


def number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 19:
        raise Refused(
            -1100,
            f"Illegal characters found in parameter '{name}'; legal range is "
            "'^[0-9]{1,20}$'.",
        )
    return int(text)


def micros(request: web.Request) -> bool:
    return request.headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND"
