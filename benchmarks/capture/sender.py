"""An exchange that sends recorded trades, as fast as they are taken or at a rate.

Its REST is the simulator's, and so are its words; only its WebSocket is its own, which
sends frames that are ready for the line. It is a schema registry too, the least of one.
"""

import asyncio
import socket
import sys
import time
from argparse import ArgumentParser, Namespace
from array import array
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from benchmarks.capture.frames import (
    Frames,
    NoRecording,
    frames_of,
    recording_of,
)
from benchmarks.capture.peer_words import WORDS
from benchmarks.capture.told import CHUNK, say
from simulator.dialect import dialect_of
from simulator.hub import Hub
from simulator.pace import Pace
from simulator.recorded import FULL, Recorded
from simulator.state import Keep

AHEAD = 1 << 22
"""Bytes that may wait for the reader; it never finds less before it than it takes."""
PAUSE = 0.001


class Sender:
    """One connection gets all trades, once."""

    def __init__(self, frames: Frames, count: int, rate: float) -> None:
        self.frames = frames
        self.count = count
        self.rate = rate
        self.sent_at = array("q")
        """When each trade was sent, in ns of the machine's monotonic clock."""
        self.taken = False

    async def answer(self, request: web.Request) -> web.WebSocketResponse:
        """Send to the first who connects: at once by its URL, or when it subscribes."""
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        if not request.query_string:
            await ws.receive()
        if not self.taken and request.transport:
            self.taken = True
            sending = asyncio.create_task(self.send(request.transport))
            sending.add_done_callback(lambda task: task.result())
        # Pings are answered meanwhile, between whole frames.
        async for message in ws:
            if message.type == WSMsgType.ERROR:
                break
        return ws

    async def send(self, line: asyncio.Transport) -> None:
        say(began=time.monotonic())
        await (self.steadily(line) if self.rate else self.at_once(line))
        say(sent=time.monotonic())

    async def at_once(self, line: asyncio.Transport) -> None:
        """Send whole chunks, as fast as they are read."""
        # A busy machine wakes the sender late: the reader must not wait for it.
        sending = line.get_extra_info("socket")
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, AHEAD)
        for number in range(self.count // CHUNK):
            for piece in self.frames.chunk(number):
                if line.is_closing():
                    return
                line.write(piece)
                while line.get_write_buffer_size() > AHEAD:
                    await asyncio.sleep(PAUSE)

    async def steadily(self, line: asyncio.Transport) -> None:
        """Send each frame when it is due, and note when that was."""
        began, done = time.monotonic_ns(), 0
        for number in range(self.count // CHUNK):
            for frame, trades in self.frames.one_by_one(number):
                due = began + int(done / self.rate * 1e9)
                while (now := time.monotonic_ns()) < due:
                    await asyncio.sleep((due - now) / 1e9)
                line.write(frame)
                self.sent_at.extend([now] * trades)
                done += trades


def application(exchange: str, feed: Recorded, sender: Sender) -> web.Application:
    """Return the exchange's REST, a registry, and the WebSocket in place of others."""

    @web.middleware
    async def streamed(request: web.Request, handler: Handler) -> Any:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await sender.answer(request)
        return await handler(request)

    async def registered(request: web.Request) -> web.Response:
        return web.json_response({"id": 1})

    app = web.Application(middlewares=[streamed])
    dialect = dialect_of(exchange)
    app.add_routes(dialect.routes(Hub(exchange, feed, dialect.texts, 0), Pace()))
    app.add_routes([web.post("/subjects/{subject}", registered)])
    return app


async def serve(asked: Namespace) -> None:
    """Send, and stay until standard input ends."""
    recording = recording_of(asked.exchange, asked.recorded)
    own = dialect_of(asked.exchange).frame
    told = WORDS.get(asked.exchange, own) if asked.peer else own
    frames = frames_of(recording, told)
    sender = Sender(frames, asked.count, asked.rate)
    feed = Recorded(recording, Keep(file=None), speed=FULL, retime=False)
    runner = web.AppRunner(application(asked.exchange, feed, sender), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say(port=runner.addresses[0][1], symbol=recording.symbol)
    await asyncio.to_thread(sys.stdin.read)
    if asked.notes:
        asked.notes.write_bytes(sender.sent_at.tobytes())
    await runner.cleanup()


def main() -> int:
    """Serve one exchange."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("exchange")
    parser.add_argument("--recorded", type=Path, help="or invented trades")
    parser.add_argument("--count", type=int, required=True, help="trades")
    parser.add_argument("--rate", type=float, default=0, help="trades/s")
    parser.add_argument("--notes", type=Path, help="file for when each was sent")
    parser.add_argument("--peer", action="store_true", help="in the peer's words")
    try:
        asyncio.run(serve(parser.parse_args()))
    except NoRecording as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
