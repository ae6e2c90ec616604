"""All exchanges on one port of this machine."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.control import Control
from simulator.dialect import dialect_of
from simulator.feed import Feed
from simulator.hub import Hub
from simulator.pace import Pace

log = structlog.get_logger()
HOST = "127.0.0.1"
DRAIN = 2.0
"""Seconds that readers get for what lies before them when we end."""
LARGEST = 64 * 1024 * 1024
"""Bytes of an order at most: garbage may be larger than any client takes."""


class Server:
    """The running simulator; `port` is known once it has started."""

    def __init__(self, feeds: Mapping[str, Feed], pace: Pace, port: int) -> None:
        self.hubs = {
            name: Hub(name, feed, dialect_of(name).texts, pace.settle)
            for name, feed in feeds.items()
        }
        self.pace = pace
        self.port = port
        self.failed: asyncio.Future[None] = asyncio.Future()
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1)
        self._tasks: list[asyncio.Task[None]] = []

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._failing], client_max_size=LARGEST)
        app.add_routes(list(Control(self.hubs).routes()))
        for name, hub in self.hubs.items():
            app.add_routes(list(dialect_of(name).routes(hub, self.pace)))
        return app

    @web.middleware
    async def _failing(self, request: web.Request, handler: Handler) -> Any:
        """Let a REST request fail as it was ordered; WebSockets have their own ways."""
        hub = self.hubs.get(request.path.split("/")[1])
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if hub is None or upgrade or not hub.disorder.rest:
            return await handler(request)
        fault = hub.disorder.rest.pop(0)
        log.info(
            "rest_fault", exchange=hub.exchange, path=request.path, **asdict(fault)
        )
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.status == 429 and hub.busy:
            return hub.busy()
        if fault.status:
            after = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
            return web.Response(status=fault.status, headers=after, text="as ordered")
        answer = await handler(request)
        if fault.empty:
            return web.Response(text="", content_type="application/json")
        if fault.cut and isinstance(answer, web.Response):
            body = bytes(answer.body or b"")  # type: ignore[arg-type]
            half = body[: len(body) // 2]
            return web.Response(body=half, content_type=answer.content_type)
        return answer

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
