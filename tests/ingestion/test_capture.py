"""The loop over real sockets: what is served arrives whole, whatever happens to it."""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ingestion.capture import Capture
from ingestion.exchange import Exchange, Frame, FrameRejected, load
from ingestion.wire import header, packed_trade
from schemas.table import all_exchanges
from schemas.trade import Trade
from tests.ingestion.samples import catalogue_of, samples

EACH = pytest.mark.parametrize("name", all_exchanges())
Served = Callable[[ServerConnection], Awaitable[None]]


class Remembered:
    """An outlet that keeps what it is given; `room` is how it is made to wait."""

    waiting = 0

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.rejected: list[bytes] = []
        self.room = asyncio.Event()
        self.room.set()

    @property
    def full(self) -> bool:
        return not self.room.is_set()

    def packed(self, trade: Trade) -> tuple[bytes, bytes]:
        return trade.symbol.encode(), packed_trade(trade, header(1))

    async def publish(self, key: bytes, value: bytes) -> None:
        await self.room.wait()
        self.values.append(value)

    async def reject(self, frame: Frame, why: FrameRejected, source: str) -> None:
        self.rejected.append(frame.payload)

    def serve(self) -> None:
        return None


def frame_of_trades(name: str) -> str:
    frame, *_ = (p.values[1]["frame"] for p in samples("trades") if p.values[0] == name)
    return str(frame)


def alone(exchange: Exchange) -> Exchange:
    """Return the exchange as if one connection carried each symbol."""
    single = copy.copy(exchange)
    single.capabilities = replace(exchange.capabilities, copies=1)
    return single


@asynccontextmanager
async def capturing(
    name: str,
    served: Served,
    silence: float = 5,
    max_life: timedelta | None = None,
) -> AsyncIterator[tuple[Capture, Remembered, asyncio.Event]]:
    exchange = alone(load(name))
    outlet, stop = Remembered(), asyncio.Event()
    async with serve(served, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        capture = Capture(
            exchange=exchange,
            ws_url=f"ws://127.0.0.1:{port}",
            symbols=exchange.symbols,
            instruments=catalogue_of(exchange),
            outlet=outlet,
            silence_allowed=timedelta(seconds=silence),
            retry_first=timedelta(milliseconds=20),
            retry_most=timedelta(milliseconds=80),
            overlap=timedelta(milliseconds=50),
            max_life=max_life,
        )
        running = asyncio.create_task(capture.run(stop))
        try:
            yield capture, outlet, stop
        finally:
            stop.set()
            outlet.room.set()
            await asyncio.wait_for(running, 10)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds; a minute without is a failure."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


def sending(frames: Sequence[str]) -> Served:
    async def served(socket: ServerConnection) -> None:
        for frame in frames:
            await socket.send(frame)
        await socket.wait_closed()

    return served


@EACH
async def test_every_trade_of_every_frame_arrives_in_order(name: str) -> None:
    mine = [p.values[1] for p in samples("trades") if p.values[0] == name]
    async with capturing(name, sending([s["frame"] for s in mine])) as (_, outlet, _):
        told = [trade["message_id"] for s in mine for trade in s["trades"]]
        await until(lambda: len(outlet.values) >= len(told))
    # The message_id is the first field: 36 letters after header and length.
    assert [value[6:42].decode() for value in outlet.values] == told


@EACH
async def test_a_frame_nobody_can_read_is_kept_and_the_next_one_is_read(
    name: str,
) -> None:
    frames = ['{"news":1}', frame_of_trades(name)]
    async with capturing(name, sending(frames)) as (capture, outlet, _):
        await until(lambda: len(outlet.values) == 1)
    assert outlet.rejected == [b'{"news":1}']
    assert (capture.tally.frames, capture.tally.rejected) == (2, 1)


@EACH
async def test_a_refused_symbol_leaves_the_others_alone(name: str) -> None:
    refusals = [
        p.values[1]["frame"]
        for p in samples("refusal")
        if p.values[0] == name and p.values[1]["raises"] == "SymbolRefused"
    ]
    frames = [*refusals, frame_of_trades(name)]
    async with capturing(name, sending(frames)) as (capture, outlet, _):
        await until(lambda: len(outlet.values) == 1)
    assert len(capture.tally.refused) == len(refusals)
    assert capture.tally.connections == 1


@EACH
async def test_a_lost_connection_is_followed_by_the_next_for_ever(name: str) -> None:
    async def once(socket: ServerConnection) -> None:
        await socket.send(frame_of_trades(name))
        # No closing handshake: as when a machine on the way goes down.
        socket.transport.abort()

    async with capturing(name, once) as (capture, outlet, _):
        await until(lambda: len(outlet.values) >= 5)
    assert capture.tally.connections >= 5


@EACH
async def test_a_trade_tells_by_which_connection_it_came_and_why(name: str) -> None:
    async def served(socket: ServerConnection) -> None:
        await socket.send(frame_of_trades(name))
        await socket.send('{"news":1}')
        await socket.send(frame_of_trades(name))
        await asyncio.sleep(0.05)
        socket.transport.abort()

    async with capturing(name, served) as (_, outlet, _):
        await until(lambda: len(outlet.rejected) >= 3)
    told = list(dict.fromkeys(connections_in(outlet)))
    (opened, *_), (again, *_), (other, why, _), *_ = (each.split() for each in told)
    assert [each.split()[1:] for each in told[:3]] == [
        ["start", "0"],
        ["start", "1"],
        ["closed", "0"],
    ]
    assert opened == again < other and why == "closed"
    datetime.fromisoformat(opened)


@EACH
async def test_what_followed_silence_says_so(name: str) -> None:
    begun = 0

    async def served(socket: ServerConnection) -> None:
        nonlocal begun
        begun += 1
        if begun > 1:
            await socket.send(frame_of_trades(name))
        await socket.wait_closed()

    async with capturing(name, served, silence=0.1) as (_, outlet, _):
        await until(lambda: bool(outlet.values))
    assert connections_in(outlet)[0].split()[1:] == ["silence", "0"]


def connections_in(outlet: Remembered) -> list[str]:
    found = (re.search(rb"connection.([ -~]+)", value) for value in outlet.values)
    return [each[1].decode() for each in found if each]


@EACH
async def test_a_broken_stream_is_left_for_the_next_one(name: str) -> None:
    broken, *_ = (
        p.values[1]["frame"]
        for p in samples("refusal")
        if p.values[0] == name and p.values[1]["raises"] == "StreamBroken"
    )
    async with capturing(name, sending([broken])) as (capture, _, _):
        await until(lambda: capture.tally.connections >= 3)


@EACH
async def test_silence_ends_a_connection(name: str) -> None:
    async with capturing(name, sending([]), silence=0.1) as (capture, _, _):
        await until(lambda: capture.tally.connections >= 3)


@EACH
async def test_waiting_for_kafka_is_not_silence_and_drops_nothing(name: str) -> None:
    count = 2000
    frames = [frame_of_trades(name)] * count
    async with capturing(name, sending(frames), silence=0.2) as (capture, outlet, _):
        outlet.room.clear()
        await until(lambda: capture.tally.frames >= 1)
        await asyncio.sleep(0.6)
        assert capture.tally.connections == 1
        assert capture.tally.frames == 1
        outlet.room.set()
        await until(lambda: len(outlet.values) >= count)
        assert capture.tally.connections == 1


@EACH
async def test_what_was_received_before_the_end_is_published(name: str) -> None:
    frames = [frame_of_trades(name)] * 10
    async with capturing(name, sending(frames)) as (_, outlet, stop):
        outlet.room.clear()
        await asyncio.sleep(0.2)
        stop.set()
        outlet.room.set()
        await until(lambda: len(outlet.values) == 10)


def numbered(name: str, number: int) -> str:
    """Return a frame of one trade with this id."""
    sample, *_ = (p.values[1] for p in samples("trades") if p.values[0] == name)
    (told,) = sample["trades"]
    return re.sub(rf"\b{told['trade_id']}\b", str(number), str(sample["frame"]))


def ids_in(outlet: Remembered) -> list[int]:
    found = [re.search(rb"\x00\x00\x00\x00\x01.{37}.(\d+)", v) for v in outlet.values]
    return [int(each[1]) for each in found if each]


class Counting:
    """A feed whose ids go on whoever listens, as an exchange's do."""

    def __init__(self, name: str, notice: str = "") -> None:
        self.name, self.notice = name, notice
        self.next, self.begun = 1, 0
        self.open: set[ServerConnection] = set()
        self.most_open = 0

    async def served(self, socket: ServerConnection) -> None:
        if self.most_open:
            # It takes its time to begin, and nothing may be lost meanwhile.
            await asyncio.sleep(0.3)
        self.open.add(socket)
        self.begun += 1
        self.most_open = max(self.most_open, len(self.open))
        if self.notice and self.most_open == 1:
            asyncio.get_running_loop().call_later(
                0.3, lambda: asyncio.ensure_future(socket.send(self.notice))
            )
        try:
            await socket.wait_closed()
        finally:
            self.open.discard(socket)

    async def flow(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            if self.open:
                frame, self.next = numbered(self.name, self.next), self.next + 1
                for socket in list(self.open):
                    with suppress(ConnectionClosed):
                        await socket.send(frame)


async def rotated(counting: Counting, **changes: Any) -> list[int]:
    """Return the ids that were published, once a connection has followed another."""
    flowing = asyncio.create_task(counting.flow())
    try:
        async with capturing(counting.name, counting.served, **changes) as running:
            _, outlet, _ = running
            await until(lambda: counting.begun >= 2)
            await until(lambda: len(counting.open) == 1)
            last = counting.next
            await until(lambda: max(ids_in(outlet)) > last + 20)
    finally:
        flowing.cancel()
    return ids_in(outlet)


@EACH
async def test_an_old_connection_is_left_when_the_next_one_speaks(name: str) -> None:
    counting = Counting(name)
    ids = await rotated(counting, max_life=timedelta(seconds=0.4))

    assert counting.most_open == 2
    # Nothing lies between the two; what both brought has one id, and so one row.
    assert set(ids) == set(range(min(ids), max(ids) + 1))


async def test_at_a_notice_the_next_connection_is_opened_first() -> None:
    shutdown = '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'
    counting = Counting("binance", shutdown)
    ids = await rotated(counting)

    assert counting.most_open == 2
    assert set(ids) == set(range(min(ids), max(ids) + 1))


@EACH
async def test_symbols_are_spread_over_as_many_connections_as_it_takes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = load(name)
    few = replace(exchange.capabilities, max_streams=2)
    monkeypatch.setattr(exchange, "capabilities", few)
    asked: list[str] = []

    async def served(socket: ServerConnection) -> None:
        assert socket.request is not None
        asked.append(socket.request.path)
        async for message in socket:
            asked[-1] += str(message)

    async with capturing(name, served) as (capture, _, _):
        await until(lambda: capture.tally.connections == 2)
        await asyncio.sleep(0.2)
    assert len(asked) == 2
    for symbol in exchange.symbols:
        # BTC/USD stands in BTC/USDT, and ends there at a letter.
        named = re.compile(rf"(?<!\w){re.escape(symbol)}(?![\w/-])", re.IGNORECASE)
        assert sum(bool(named.search(said)) for said in asked) == 1


@EACH
async def test_what_is_said_on_connecting_keeps_the_pace_of_the_exchange(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = load(name)
    slow = replace(exchange.capabilities, sends_per_second=20)
    monkeypatch.setattr(exchange, "capabilities", slow)
    monkeypatch.setattr(exchange, "subscriptions", lambda symbols: [b"{}"] * 9)
    clock = asyncio.get_running_loop().time
    heard: list[float] = []

    async def served(socket: ServerConnection) -> None:
        async for message in socket:
            if message == "{}":
                heard.append(clock())

    async with capturing(name, served):
        await until(lambda: len(heard) >= 9)
    # Eight pauses of 50 ms; a busy machine may hear the first of them late.
    assert heard[8] - heard[0] >= 0.2
