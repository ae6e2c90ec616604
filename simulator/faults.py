"""What goes wrong with an exchange on order; each fault by its name.

A fault changes what is told, never what happened: the truth is the same with and
without it. Only `lose` takes trades from REST as well, and from the truth.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from simulator.disorder import HANDSHAKES, RestFault
from simulator.hub import Hub

CUT_FRAME = '{"channel":"trade","data":[{"symbol":"BTC'
MOST_S = 120
"""No fault lasts longer: a test waits for its end."""

Order: TypeAlias = Mapping[str, object]
Fault: TypeAlias = Callable[[Hub, Order], Awaitable[dict[str, object]]]


class Senseless(ValueError):
    """An order that cannot be carried out; the text says what was expected."""


class TooLate(ValueError):
    """An order about what is over."""


async def garbage(hub: Hub, order: Order) -> dict[str, object]:
    """Send `frame`, or a cut frame, to all connections."""
    text = str(order.get("frame") or CUT_FRAME)
    for connection in list(hub.connections):
        await connection.tell([text])
    return {"frame": text[:200]}


async def spike(hub: Hub, order: Order) -> dict[str, object]:
    """Multiply the price of a symbol's next trade, for every way of asking."""
    symbol, factor = str(order.get("symbol")), str(order.get("factor"))
    try:
        valid = symbol in hub.feed.symbols and Decimal(factor) > 0
    except InvalidOperation:
        valid = False
    if not valid:
        raise Senseless(
            'expected {"symbol": S, "factor": F}: F a number above 0, S one '
            f"of {', '.join(hub.feed.symbols)}"
        )
    try:
        return {"symbol": symbol, "trade_id": hub.feed.spike(symbol, factor)}
    except ValueError as late:
        raise TooLate(str(late)) from late


async def drop(hub: Hub, order: Order) -> dict[str, object]:
    """End all connections: cut, closed with `code`, or reset where `reset` is true."""
    code = order.get("code")
    connections = list(hub.connections)
    for connection in connections:
        if isinstance(code, int):
            await connection.ws.close(code=code)
        elif order.get("reset"):
            connection.reset()
        else:
            connection.abort()
    return {
        "dropped": len(connections),
        "code": code,
        "reset": bool(order.get("reset")),
    }


async def mute(hub: Hub, order: Order) -> dict[str, object]:
    """Leave all connections half open: nothing goes out any more, not even a pong."""
    for connection in hub.connections:
        connection.muted = True
    return {"muted": len(hub.connections)}


async def notice(hub: Hub, order: Order) -> dict[str, object]:
    """Announce the end of all connections as the exchange does; close `seconds` on."""
    after = seconds(order, 3)
    connections = list(hub.connections)
    for connection in connections:
        if hub.farewell:
            await connection.tell([hub.farewell(connection)])

    async def close() -> None:
        await asyncio.sleep(after)
        for connection in connections:
            await connection.ws.close(code=1001)

    hub.beside.add(task := asyncio.create_task(close()))
    task.add_done_callback(hub.beside.discard)
    return {"told": len(connections), "seconds": after}


async def omit(hub: Hub, order: Order) -> dict[str, object]:
    """Keep a symbol's next `count` trades from every WebSocket; REST has them."""
    symbol, count = symbol_of(hub, order), count_of(order)
    omitted = hub.disorder.omitted
    omitted[symbol] = omitted.get(symbol, 0) + count
    return {"symbol": symbol, "count": count}


async def lose(hub: Hub, order: Order) -> dict[str, object]:
    """Have a symbol's next `count` ids skipped for good: no trade bears them."""
    symbol, count = symbol_of(hub, order), count_of(order)
    try:
        first = hub.feed.lose(symbol, count)
    except ValueError as cannot:
        raise TooLate(str(cannot)) from cannot
    return {"symbol": symbol, "first_id": first, "count": count}


async def duplicate(hub: Hub, order: Order) -> dict[str, object]:
    """Send the next `count` frames of each connection twice."""
    count = count_of(order)
    for connection in hub.connections:
        connection.disarray.doubled = count
    return {"count": count}


async def reorder(hub: Hub, order: Order) -> dict[str, object]:
    """Send the next `count` frames of each connection in pairs, the later first."""
    count = count_of(order)
    for connection in hub.connections:
        connection.disarray.swapped = count
    return {"count": count}


async def merge(hub: Hub, order: Order) -> dict[str, object]:
    """Put all trades of a moment into one frame, for `seconds`, where it can be."""
    lasts = seconds(order, 10)
    hub.disorder.merged_until = time.monotonic() + lasts
    return {"seconds": lasts}


async def split(hub: Hub, order: Order) -> dict[str, object]:
    """Put each trade into a frame of its own, for `seconds`."""
    lasts = seconds(order, 10)
    hub.disorder.split_until = time.monotonic() + lasts
    return {"seconds": lasts}


async def delay(hub: Hub, order: Order) -> dict[str, object]:
    """Hold back what all connections are told, for `seconds`."""
    lasts = seconds(order, 2)
    hub.disorder.held_until = time.monotonic() + lasts
    return {"seconds": lasts}


async def refuse(hub: Hub, order: Order) -> dict[str, object]:
    """Refuse the next `count` subscriptions, or handshakes with `status`."""
    status, count = order.get("status"), count_of(order)
    if status is None:
        hub.disorder.refusals += count
    elif isinstance(status, int) and status in HANDSHAKES:
        hub.disorder.handshakes += [status] * count
    else:
        raise Senseless(f'"status" must be one of {sorted(HANDSHAKES)}')
    return {"count": count, "status": status}


async def ignore(hub: Hub, order: Order) -> dict[str, object]:
    """Leave the next `count` subscriptions without an answer and without trades."""
    hub.disorder.ignoring += count_of(order)
    return {"count": hub.disorder.ignoring}


async def unsay(hub: Hub, order: Order) -> dict[str, object]:
    """Carry the next `count` subscriptions out, and do not acknowledge them."""
    hub.disorder.unsaid += count_of(order)
    return {"count": hub.disorder.unsaid}


async def rest(hub: Hub, order: Order) -> dict[str, object]:
    """Let the next `count` REST requests fail.

    With `status` and, where given, `retry_after`; with `seconds` they hang so long;
    with `cut` half of the body is missing; with `empty` there is nothing in it.
    """
    fault = RestFault(
        status=int(str(order.get("status") or 0)),
        retry_after=int(str(order.get("retry_after") or 0)),
        seconds=seconds(order, 0),
        cut=bool(order.get("cut")),
        empty=bool(order.get("empty")),
    )
    if fault == RestFault():
        raise Senseless(
            'expected one of {"status": 503}, {"status": 429, "retry_after": 3}, '
            '{"seconds": 5}, {"cut": true} and {"empty": true}, with "count": N'
        )
    hub.disorder.rest += [fault] * count_of(order)
    return {**order, "count": count_of(order)}


async def skew(hub: Hub, order: Order) -> dict[str, object]:
    """Have REST tell a time that is off by `seconds`, from now on."""
    off = order.get("seconds")
    if not isinstance(off, int | float) or abs(off) > MOST_S:
        raise Senseless(f'"seconds" must lie between -{MOST_S} and {MOST_S}')
    hub.disorder.skew = float(off)
    return {"seconds": float(off)}


FAULTS: dict[str, Fault] = {
    each.__name__: each
    for each in (
        *(garbage, spike, drop, mute, notice, omit, lose, duplicate, reorder),
        *(merge, split, delay, refuse, ignore, unsay, rest, skew),
    )
}


def symbol_of(hub: Hub, order: Order) -> str:
    symbol = str(order.get("symbol"))
    if symbol not in hub.feed.symbols:
        raise Senseless(
            'expected {"symbol": S, "count": N}: N above 0, S one of '
            + ", ".join(hub.feed.symbols)
        )
    return symbol


def count_of(order: Order) -> int:
    count = order.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise Senseless(
            f'"count" must be a whole number above 0, not {json.dumps(count)}'
        )
    return count


def seconds(order: Order, otherwise: float) -> float:
    told = order.get("seconds", otherwise)
    if not isinstance(told, int | float) or not 0 <= told <= MOST_S:
        raise Senseless(f'"seconds" must lie between 0 and {MOST_S}')
    return float(told)
