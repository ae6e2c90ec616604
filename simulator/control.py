"""The way in for tests: the truth, the state, and faults on order."""

import asyncio
import json
from collections.abc import Iterator, Mapping

import structlog
from aiohttp import web

from simulator.dialect import dialect_of
from simulator.faults import FAULTS, Senseless, TooLate
from simulator.hub import Hub
from simulator.torture import Torture
from simulator.trade import Trade

log = structlog.get_logger()
LINES = 500


class Control:
    """Everything under `/control`."""

    def __init__(self, hubs: Mapping[str, Hub]) -> None:
        self.hubs = hubs
        self.schedule: Torture | None = None
        self.running: asyncio.Task[None] | None = None

    def routes(self) -> Iterator[web.RouteDef]:
        yield web.get("/control/state", self.state)
        yield web.get("/control/truth/{exchange}", self.truth)
        yield web.get("/control/torture", self.tortured)
        yield web.post("/control/torture", self.torture)
        yield web.post("/control/{exchange}/{fault}", self.fault)

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

    async def fault(self, request: web.Request) -> web.Response:
        """Carry one fault out; see `simulator.faults` for what there is."""
        hub, name = self.hub(request), request.match_info["fault"]
        if name not in FAULTS:
            raise web.HTTPNotFound(
                text=f"no fault {name}; there are {', '.join(sorted(FAULTS))}"
            )
        order: Mapping[str, object] = {}
        if name == "garbage" and request.content_type != "application/json":
            order = {"frame": await request.text()}
        else:
            order = await asked(request)
        try:
            said = await FAULTS[name](hub, order)
        except Senseless as wrong:
            raise web.HTTPBadRequest(text=str(wrong)) from wrong
        except TooLate as late:
            raise web.HTTPConflict(text=str(late)) from late
        log.info("fault_ordered", fault=name, exchange=hub.exchange, **said)
        return web.json_response({"fault": name, **said})

    async def torture(self, request: web.Request) -> web.Response:
        """Begin a seeded schedule; one that runs is ended."""
        order = await asked(request)
        try:
            seed, faults = int(str(order["seed"])), int(str(order["faults"]))
            every = float(str(order["every"]))
        except (KeyError, ValueError) as wrong:
            raise web.HTTPBadRequest(
                text='expected {"seed": 7, "faults": 200, "every": 8}: so many faults, '
                "a mean of so many seconds apart"
            ) from wrong
        if self.running is not None:
            self.running.cancel()
        self.schedule = Torture(self.hubs, seed, every, faults)
        self.running = asyncio.create_task(self.schedule.run())
        return web.json_response({"left": faults})

    async def tortured(self, request: web.Request) -> web.Response:
        """Tell how often each fault was done, and how many are left."""
        schedule = self.schedule
        if self.running is not None and self.running.done():
            self.running.result()
        return web.json_response(
            {
                "left": schedule.left if schedule else 0,
                "done": dict(schedule.done) if schedule else {},
            }
        )

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
