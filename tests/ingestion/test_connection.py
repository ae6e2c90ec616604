"""One WebSocket against a server that does as it likes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from aiohttp import WSMessage, WSMsgType, web

from ingestion import connection
from ingestion.connection import Connection
from ingestion.exchange import load
from ingestion.reading import ENDED
from schemas.table import all_exchanges

Played = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def exchange_that(
    played: Played, autoping: bool = True, autoclose: bool = True
) -> AsyncIterator[str]:
    """Serve a WebSocket at any path; gives the address."""

    async def served(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=autoping, autoclose=autoclose)
        await socket.prepare(request)
        await played(socket)
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", served)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"ws://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened(
    at: str, *ends: asyncio.Event, silence: float = 60
) -> AsyncIterator[Connection]:
    exchange = load(all_exchanges()[0])
    async with connection.connection(
        exchange, at, (), timedelta(seconds=silence), *ends
    ) as one:
        yield one


async def frames_of(one: Connection, within: float = 20) -> list[bytes]:
    """Return what came until the end."""
    async with asyncio.timeout(within):
        return [frame.payload async for frame in one.frames()]


async def received(socket: web.WebSocketResponse) -> list[WSMessage]:
    """Return what came by way of messages, until the other end is gone."""
    came = []
    while not socket.closed:
        came.append(await socket.receive())
        if came[-1].type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
            break
    return came


def transport_of(socket: web.WebSocketResponse) -> asyncio.Transport:
    """Return what bytes are written to as they are."""
    transport = socket._writer and socket._writer.transport
    assert transport is not None
    return transport


async def deaf(socket: web.WebSocketResponse) -> None:
    """Heed nothing until the other end hangs up."""
    transport = transport_of(socket)
    while not transport.is_closing():
        await asyncio.sleep(0.05)


async def test_text_and_bytes_are_frames_and_split_ones_are_whole() -> None:
    async def played(socket: web.WebSocketResponse) -> None:
        await socket.send_str("one é")
        await socket.send_bytes(b"two")
        # A text in two parts, as RFC 6455 has it: 3 bytes, then 2 that end it.
        transport_of(socket).write(b"\x01\x03thr" + b"\x80\x02ee")
        await socket.close()

    async with exchange_that(played) as at, opened(at) as one:
        assert await frames_of(one) == ["one é".encode(), b"two", b"three"]


async def test_what_came_before_a_lost_connection_is_still_yielded() -> None:
    async def played(socket: web.WebSocketResponse) -> None:
        for number in range(50):
            await socket.send_str(str(number))
        await asyncio.sleep(0.1)
        transport_of(socket).abort()

    async with exchange_that(played) as at, opened(at) as one:
        await asyncio.sleep(0.5)
        assert await frames_of(one) == [str(n).encode() for n in range(50)]


async def test_a_ping_is_answered_with_what_it_said() -> None:
    answers: asyncio.Queue[WSMessage] = asyncio.Queue()

    async def played(socket: web.WebSocketResponse) -> None:
        await socket.ping(b"there?")
        answers.put_nowait(await socket.receive())
        await socket.close()

    async with exchange_that(played, autoping=False) as at, opened(at) as one:
        assert await frames_of(one) == []
    answer = answers.get_nowait()
    assert (answer.type, answer.data) == (WSMsgType.PONG, b"there?")


async def test_who_says_nothing_is_asked_and_kept_if_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "LOOKED_EVERY", 0.05)
    monkeypatch.setattr(connection, "ASKED_AFTER", 0.2)
    monkeypatch.setattr(connection, "ANSWERED_WITHIN", 0.5)
    asked: asyncio.Queue[WSMessage] = asyncio.Queue()

    async def played(socket: web.WebSocketResponse) -> None:
        for _ in range(6):
            asked.put_nowait(await socket.receive())
            await socket.pong()
        await socket.send_str("late")
        await socket.close()

    async with exchange_that(played, autoping=False) as at, opened(at) as one:
        assert await frames_of(one) == [b"late"]
    assert [asked.get_nowait().type for _ in range(6)] == [WSMsgType.PING] * 6


async def test_who_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOOKED_EVERY", 0.05)
    monkeypatch.setattr(connection, "ASKED_AFTER", 0.2)
    monkeypatch.setattr(connection, "ANSWERED_WITHIN", 0.5)
    monkeypatch.setattr(connection, "CLOSE_WITHIN", 0.1)

    async with exchange_that(deaf, autoping=False) as at, opened(at) as one:
        assert await frames_of(one) == []
        # It was no silence of the stream: the other end was not there.
        assert not one.fell_silent


async def test_silence_is_told_from_a_connection_that_is_gone() -> None:
    async def played(socket: web.WebSocketResponse) -> None:
        await received(socket)

    async with exchange_that(played) as at, opened(at, silence=0.2) as one:
        assert await frames_of(one) == []
        assert one.fell_silent


async def test_a_goodbye_is_waited_for_and_what_comes_before_it_is_yielded() -> None:
    end = asyncio.Event()

    async def played(socket: web.WebSocketResponse) -> None:
        await socket.send_str("before")
        end.set()
        assert (await socket.receive()).type is WSMsgType.CLOSE
        transport_of(socket).write(b"\x81\x05after" + b"\x88\x02\x03\xe8")
        await asyncio.sleep(1)

    async with exchange_that(played, autoclose=False) as at, opened(at, end) as one:
        assert await frames_of(one) == [b"before", b"after"]


async def test_who_does_not_say_goodbye_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "CLOSE_WITHIN", 0.2)
    end = asyncio.Event()

    async def played(socket: web.WebSocketResponse) -> None:
        await socket.send_str("before")
        end.set()
        await deaf(socket)

    async with exchange_that(played) as at, opened(at, end) as one:
        assert await frames_of(one) == [b"before"]


async def test_a_goodbye_is_answered_once() -> None:
    said: asyncio.Queue[list[WSMessage]] = asyncio.Queue()

    async def played(socket: web.WebSocketResponse) -> None:
        transport_of(socket).write(b"\x88\x02\x03\xe9")
        said.put_nowait(await received(socket))

    async with exchange_that(played, autoclose=False) as at:
        async with opened(at) as one:
            assert await frames_of(one) == []
        async with asyncio.timeout(10):
            goodbyes = await said.get()
    assert [each.type for each in goodbyes] == [WSMsgType.CLOSE]


async def test_what_refuses_the_handshake_ends_the_attempt() -> None:
    async def refused(request: web.Request) -> web.Response:
        raise web.HTTPForbidden

    app = web.Application()
    app.router.add_get("/{path:.*}", refused)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    with pytest.raises(ENDED, match="403"):
        async with opened(f"ws://{host}:{port}"):
            pass
    await runner.cleanup()


async def test_a_proxy_of_the_environment_is_used_for_other_machines_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def played(socket: web.WebSocketResponse) -> None:
        await socket.send_str("by proxy")
        await socket.close()

    async def closed(socket: web.WebSocketResponse) -> None:
        await socket.close()

    async with exchange_that(played) as proxy, exchange_that(closed) as mine:
        monkeypatch.setenv("HTTP_PROXY", proxy.replace("ws", "http"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with opened("ws://exchange.invalid/stream") as one:
            assert await frames_of(one) == [b"by proxy"]
        async with opened(mine) as one:
            assert await frames_of(one) == []


async def test_the_last_frames_come_though_nobody_read_for_long() -> None:
    end, count = asyncio.Event(), 20_000

    async def played(socket: web.WebSocketResponse) -> None:
        with suppress(ConnectionError):
            for number in range(count):
                await socket.send_str(f"{number:0100d}")
        await received(socket)

    async with exchange_that(played) as at, opened(at, end) as one:
        await asyncio.sleep(0.5)
        came = []
        async with asyncio.timeout(30):
            async for frame in one.frames():
                came.append(int(frame.payload))
                if len(came) == 1:
                    # Nobody reads, as when Kafka has no room; then it is to end.
                    await asyncio.sleep(0.5)
                if len(came) == 10:
                    end.set()
        assert came == list(range(len(came)))
        assert len(came) > 100
