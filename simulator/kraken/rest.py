"""Kraken REST: trades from a time on, pairs and the time; errors come in HTTP 200."""

import time
from collections.abc import Callable, Iterator

from aiohttp import web

from simulator.feed import Feed
from simulator.kraken.frames import compact, row
from simulator.kraken.pairs import Pair, pair_named

PAGE = 1000
NS_DIGITS = 16
"""From so many digits on, `since` is nanoseconds; below, seconds."""


class Rest:
    """The REST paths under `/0/public`."""

    def __init__(self, feed: Feed, time_ns: Callable[[], int]) -> None:
        self.feed = feed
        self.time_ns = time_ns

    def routes(self, prefix: str) -> Iterator[web.RouteDef]:
        yield web.get(f"{prefix}/Trades", self.trades)
        yield web.get(f"{prefix}/AssetPairs", self.pairs)
        yield web.get(f"{prefix}/Time", self.time)

    async def trades(self, request: web.Request) -> web.Response:
        query = request.query
        pair = self.pair(query.get("pair", ""))
        if pair is None:
            return refused("EQuery:Unknown asset pair")
        try:
            since = since_ns(query["since"]) if "since" in query else None
            count = min(max(1, int(query.get("count", PAGE))), PAGE)
        except ValueError:
            return refused("EGeneral:Invalid arguments")
        last = self.feed.last(pair.symbol)
        begin = last - count + 1
        if since is not None:
            begin = self.feed.at(pair.symbol, since)
        found = list(self.feed.trades(pair.symbol, begin, begin + count - 1))
        name = pair.symbol if query.get("assetVersion") == "1" else pair.internal
        newest = found[-1].time_ns if found else since or 0
        rows = ",".join(row(trade) for trade in found)
        return web.Response(
            text=f'{{"error":[],"result":{{"{name}":[{rows}],"last":"{newest}"}}}}',
            content_type="application/json",
        )

    async def pairs(self, request: web.Request) -> web.Response:
        names = request.query.get("pair", "")
        wanted = names.split(",") if names else list(self.feed.symbols)
        found = [self.pair(name) for name in wanted]
        known = [pair for pair in found if pair is not None]
        if len(known) < len(found):
            return refused("EQuery:Unknown asset pair")
        return answered({pair.internal: listed(pair) for pair in known})

    async def time(self, request: web.Request) -> web.Response:
        now = self.time_ns() // 10**9
        told = time.strftime("%a, %d %b %y %H:%M:%S +0000", time.gmtime(now))
        return answered({"unixtime": now, "rfc1123": told})

    def pair(self, name: str) -> Pair | None:
        """Return the pair that is called so and traded here."""
        pairs = (pair_named(symbol) for symbol in self.feed.symbols)
        return next((pair for pair in pairs if name in pair.names), None)


def since_ns(text: str) -> int:
    """Return the moment in ns; the trade at this very ns is part of the page."""
    if text.isdecimal() and len(text) >= NS_DIGITS:
        return int(text)
    return int(float(text) * 10**9)


def listed(pair: Pair) -> dict[str, object]:
    return {
        "altname": pair.altname,
        "wsname": pair.wsname,
        "aclass_base": "currency",
        "base": pair.base,
        "aclass_quote": "currency",
        "quote": pair.quote,
        "lot": "unit",
        "pair_decimals": pair.decimals,
        "lot_decimals": 8,
        "status": "online",
        "tick_size": f"{10**-pair.decimals:.{pair.decimals}f}",
    }


def answered(result: object) -> web.Response:
    said: dict[str, object] = {"error": [], "result": result}
    return web.json_response(said, dumps=compact)


def refused(why: str) -> web.Response:
    return web.json_response({"error": [why]}, dumps=compact)


def busy() -> web.Response:
    """Return what Kraken says of too many requests: HTTP 200 as well."""
    return refused("EGeneral:Too many requests")
