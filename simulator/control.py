"""The way in for tests: the truth, the state, and faults on order."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

import structlog
from aiohttp import web

from simulator.dialect import dialect_of
from simulator.hub import Hub
from simulator.trade import Trade

log = structlog.get_logger()
CUT_FRAME = '{"channel":"trade","data":[{"symbol":"BTC'
LINES = 500


class Control:
    """Everything under `/control`."""

    def __init__(self, hubs: Mapping[str, Hub]) -> None:
        self.hubs = hubs

    def routes(self) -> Iterator[web.RouteDef]:
        yield web.get("/control/state", self.state)
        yield web.get("/control/truth/{exchange}", self.truth)
        yield web.post("/control/{exchange}/garbage", self.garbage)
        yield web.post("/control/{exchange}/spike", self.spike)
        yield web.post("/control/{exchange}/drop", self.drop)
        yield web.post("/control/{exchange}/omit", self.omit)

    async def state(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                name: {
                    "connections": len(hub.connections),
                    "opened": hub.opened,
                    "issued": hub.issued,
                    "last": {one: hub.feed.last(one) for one in hub.feed.symbols},
                    **hub.feed.about(),
                }
                for name, hub in self.hubs.items()
            }
        )

    async def truth(self, request: web.Request) -> web.StreamResponse:
        """Stream a JSON line for each trade issued, from the first start on.

        A `from_id` reaches further back, as far as REST does.
        """
        hub = self.hub(request)
        reply = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        trades = self.chosen(hub, request)
        await reply.prepare(request)
        while lines := [line for _, line in zip(range(LINES), trades, strict=False)]:
            await reply.write("".join(lines).encode())
        await reply.write_eof()
        return reply

    def chosen(self, hub: Hub, request: web.Request) -> Iterator[str]:
        feed = hub.feed
        symbols = [request.query.get("symbol", "")]
        if symbols == [""]:
            symbols = list(feed.symbols)
        elif symbols[0] not in feed.symbols:
            raise web.HTTPNotFound(
                text=f"no symbol {symbols[0]}; there are {', '.join(feed.symbols)}"
            )
        spans = [
            (
                symbol,
                number(request, "from_id", feed.began(symbol)),
                number(request, "to_id", feed.last(symbol)),
            )
            for symbol in symbols
        ]
        return (
            told(hub.exchange, trade) for span in spans for trade in feed.trades(*span)
        )

    async def garbage(self, request: web.Request) -> web.Response:
        """Send the body to all connections; JSON with `frame` means that text."""
        text = await request.text()
        if request.content_type == "application/json":
            text = str((await asked(request)).get("frame", ""))
        hub = self.hub(request)
        for connection in list(hub.connections):
            await connection.tell([text or CUT_FRAME])
        return done("garbage", hub, frame=text or CUT_FRAME)

    async def spike(self, request: web.Request) -> web.Response:
        """Multiply the price of a symbol's next trade, for every way of asking."""
        hub, order = self.hub(request), await asked(request)
        symbol, factor = str(order.get("symbol")), str(order.get("factor"))
        try:
            valid = symbol in hub.feed.symbols and Decimal(factor) > 0
        except InvalidOperation:
            valid = False
        if not valid:
            raise web.HTTPBadRequest(
                text='expected {"symbol": S, "factor": F}: F a number above 0, S one '
                f"of {', '.join(hub.feed.symbols)}"
            )
        try:
            trade_id = hub.feed.spike(symbol, factor)
        except ValueError as late:
            raise web.HTTPConflict(text=str(late)) from late
        return done("spike", hub, symbol=symbol, trade_id=trade_id)

    async def drop(self, request: web.Request) -> web.Response:
        """End all connections: cut, or closed with `{"code": 1001}` where asked."""
        hub = self.hub(request)
        code = (await asked(request)).get("code")
        connections = list(hub.connections)
        for connection in connections:
            if isinstance(code, int):
                await connection.ws.close(code=code)
            else:
                connection.abort()
        return done("drop", hub, dropped=len(connections))

    async def omit(self, request: web.Request) -> web.Response:
        """Keep a symbol's next trades from every WebSocket; REST has them."""
        hub, order = self.hub(request), await asked(request)
        symbol, count = str(order.get("symbol")), order.get("count")
        if symbol not in hub.feed.symbols or not isinstance(count, int) or count < 1:
            raise web.HTTPBadRequest(
                text='expected {"symbol": S, "count": N}: N above 0, S one of '
                + ", ".join(hub.feed.symbols)
            )
        hub.omitted[symbol] = hub.omitted.get(symbol, 0) + count
        return done("omit", hub, symbol=symbol, count=count)

    def hub(self, request: web.Request) -> Hub:
        name = request.match_info["exchange"]
        if name not in self.hubs:
            raise web.HTTPNotFound(
                text=f"no exchange {name} in this feed; there are {list(self.hubs)}"
            )
        return self.hubs[name]


def told(exchange: str, trade: Trade) -> str:
    """Return a trade as a line of truth, with the frame that tells it alone."""
    line = {
        "exchange": exchange,
        "symbol": trade.symbol,
        "trade_id": trade.trade_id,
        "price": trade.price,
        "quantity": trade.quantity,
        "time_us": trade.time_us,
        "side": trade.side,
        "frame": dialect_of(exchange).frame([trade]),
    }
    return json.dumps(line) + "\n"


async def asked(request: web.Request) -> dict[str, object]:
    """Return the JSON object in the body; an empty body is an empty one."""
    text = await request.text()
    try:
        order = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as broken:
        raise web.HTTPBadRequest(text=f"the body is not JSON: {broken}") from broken
    if not isinstance(order, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    return order


def number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if text and not text.isdecimal():
        raise web.HTTPBadRequest(text=f"{name} must be a whole number, not {text}")
    return int(text) if text else default


def done(fault: str, hub: Hub, **said: object) -> web.Response:
    log.info("fault_ordered", fault=fault, exchange=hub.exchange, **said)
    return web.json_response({"fault": fault, **said})
