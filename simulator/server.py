"""Both exchanges on one port of this machine."""

import asyncio
import contextlib
from collections.abc import Mapping

import structlog
from aiohttp import web

from simulator.binance import frames as binance_frames
from simulator.binance import rest as binance_rest
from simulator.binance import stream as binance_stream
from simulator.control import Control
from simulator.feed import Feed
from simulator.hub import Hub
from simulator.kraken import frames as kraken_frames
from simulator.kraken import rest as kraken_rest
from simulator.kraken import stream as kraken_stream
from simulator.pace import Pace

log = structlog.get_logger()
HOST = "127.0.0.1"
DIALECTS = {"binance": binance_frames.texts, "kraken": kraken_frames.texts}
DRAIN = 2.0
"""Seconds that readers get for what lies before them when we end."""


class Server:
    """The running simulator; `port` is known once it has started."""

    def __init__(self, feeds: Mapping[str, Feed], pace: Pace, port: int) -> None:
        self.hubs = {
            name: Hub(name, feed, DIALECTS[name], pace.settle)
            for name, feed in feeds.items()
        }
        self.pace = pace
        self.port = port
        self.failed: asyncio.Future[None] = asyncio.Future()
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1)
        self._tasks: list[asyncio.Task[None]] = []

    def _app(self) -> web.Application:
        app = web.Application()
        app.add_routes(list(Control(self.hubs).routes()))
        if hub := self.hubs.get("binance"):
            stream = binance_stream.handler(hub, self.pace)
            for path in ("/stream", "/ws", "/ws/{streams:.+}"):
                app.router.add_get(f"/binance{path}", stream)
            rest = binance_rest.Rest(hub.feed, self.pace)
            app.add_routes(list(rest.routes("/binance/api/v3")))
        if hub := self.hubs.get("kraken"):
            app.router.add_get("/kraken/v2", kraken_stream.handler(hub, self.pace))
            routes = kraken_rest.Rest(hub.feed).routes("/kraken/0/public")
            app.add_routes(list(routes))
        return app

    async def start(self) -> None:
        """Listen, and let the trades flow.

        Raises:
            OSError: the port is taken.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        for hub in self.hubs.values():
            for work in (hub.pump(), self._save(hub)):
                task = asyncio.create_task(work)
                task.add_done_callback(self._note_failure)
                self._tasks.append(task)
        log.info("listening", host=HOST, port=self.port, exchanges=list(self.hubs))

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        """Let a broken pump end the process loudly: the supervisor begins it again."""
        if not task.cancelled() and task.exception() and not self.failed.done():
            self.failed.set_exception(task.exception() or RuntimeError("broken pump"))

    async def _save(self, hub: Hub) -> None:
        while True:
            await asyncio.sleep(self.pace.save_every)
            hub.feed.save(hub.sure())

    async def stop(self) -> None:
        """End the flow, let readers finish what lies before them, keep the position."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                while any(one.sure() < one.feed.position for one in self.hubs.values()):
                    await asyncio.sleep(0.02)
        for hub in self.hubs.values():
            hub.feed.save(hub.sure())
            for connection in list(hub.connections):
                await connection.ws.close(code=1001, message=b"shutting down")
        await self._runner.cleanup()
        log.info("ended")
