"""Coinbase REST: trades below an id, products and the time; ten requests a second."""

import time
from collections.abc import Callable, Iterator

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.coinbase.frames import compact, rfc3339, row
from simulator.feed import Feed, Group
from simulator.pace import Pace

PAGE = 1000
PER_SECOND = 10
BURST = 15


class Refused(Exception):
    """The request gets this HTTP status, and a sentence."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


class Bucket:
    """Requests that may still be asked, by everybody together; it fills up again."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self.left = float(BURST)
        self.at = time.monotonic()

    def take(self) -> None:
        """Count a request.

        Raises:
            Refused: it is one too many.
        """
        now = time.monotonic()
        self.left = min(BURST, self.left + (now - self.at) * self.per_second)
        self.at = now
        if self.left < 1:
            raise Refused("Public rate limit exceeded", 429)
        self.left -= 1


class Rest:
    """The REST paths, from the root on."""

    def __init__(self, feed: Feed, pace: Pace, time_ns: Callable[[], int]) -> None:
        self.feed = feed
        self.time_ns = time_ns
        self.bucket = Bucket(PER_SECOND / pace.scale)

    def routes(self, prefix: str) -> Iterator[web.RouteDef]:
        yield web.get(f"{prefix}/products", self.limited(self.products))
        yield web.get(f"{prefix}/products/{{id}}/trades", self.limited(self.trades))
        yield web.get(f"{prefix}/time", self.limited(self.time))

    def limited(self, answer: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                self.bucket.take()
                return await answer(request)
            except Refused as refused:
                said = {"message": str(refused)}
                return web.json_response(said, status=refused.status, dumps=compact)

        return handle

    async def trades(self, request: web.Request) -> web.Response:
        """Answer with the newest trades, or with the newest older than `after`."""
        product = request.match_info["id"]
        if product not in self.feed.symbols:
            raise Refused("NotFound", 404)
        limit = min(number(request, "limit", PAGE), PAGE)
        last = self.feed.last(product)
        last = min(last, number(request, "after", last + 1) - 1)
        found = below(self.feed, product, last, limit)
        headers = {}
        if found:
            ends = {"CB-BEFORE": found[0].trade_id, "CB-AFTER": found[-1].trade_id}
            headers = {name: str(number) for name, number in ends.items()}
        rows = [row(trade) for trade in found]
        return web.json_response(rows, headers=headers, dumps=compact)

    async def products(self, request: web.Request) -> web.Response:
        rows = [listed(product) for product in self.feed.symbols]
        return web.json_response(rows, dumps=compact)

    async def time(self, request: web.Request) -> web.Response:
        now = self.time_ns() // 10**6
        told = {"iso": f"{rfc3339(now * 1000)[:-4]}Z", "epoch": now / 1000}
        return web.json_response(told, dumps=compact)


def below(feed: Feed, product: str, last: int, count: int) -> Group:
    """Return so many trades up to this id, newest first; ids may be nobody's."""
    found: Group = []
    first = feed.first(product)
    while len(found) < count and last >= first:
        begin = max(first, last - (count - len(found)) + 1)
        found += reversed(list(feed.trades(product, begin, last)))
        last = begin - 1
    return found


def listed(product: str) -> dict[str, object]:
    base, _, quote = product.partition("-")
    return {
        "id": product,
        "base_currency": base,
        "quote_currency": quote,
        "quote_increment": "0.01",
        "base_increment": "0.00000001",
        "display_name": product,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
    }


def number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise Refused(f"Invalid {name}", 400)
    return int(text)
