"""What a client may ask on a Kraken v2 WebSocket, and what it is answered."""

import json
import time

from simulator.hub import Connection, Hub
from simulator.kraken.frames import compact, frame, instruments, rfc3339

SNAPSHOT = 50


def answers(hub: Hub, connection: Connection, text: str) -> list[str]:
    """Carry a request out and return the replies: one for each symbol."""
    began = rfc3339(time.time_ns() // 1000)
    try:
        asked = json.loads(text)
    except json.JSONDecodeError:
        return [refusal("Malformed request", None, None, began)]
    if not isinstance(asked, dict):
        return [refusal("Malformed request", None, None, began)]
    method, params = asked.get("method"), asked.get("params") or {}
    match method, params.get("channel"):
        case "ping", _:
            pong = {"method": "pong"} | (
                {"req_id": asked["req_id"]} if "req_id" in asked else {}
            )
            return [timed(pong, began)]
        case "subscribe" | "unsubscribe", "instrument":
            result = {"channel": "instrument", "snapshot": True}
            acks = [ack(method, result, began)]
            return acks + [instruments(hub.feed.symbols)] * (method == "subscribe")
        case "subscribe", "trade":
            return subscribed(hub, connection, params, began)
        case "unsubscribe", "trade":
            return unsubscribed(hub, connection, params, began)
        case "subscribe" | "unsubscribe", _:
            return [refusal("Channel not supported", method, None, began)]
        case _:
            return [refusal("Method not supported", method, None, began)]


def subscribed(
    hub: Hub, connection: Connection, params: dict[str, object], began: str
) -> list[str]:
    """Follow what is known; return acks and refusals, then one snapshot of all."""
    replies, fresh = [], []
    snapshot = params.get("snapshot", True) is not False
    for symbol in named(params):
        if symbol not in hub.feed.symbols:
            why = f"Currency pair not supported {symbol}"
            replies.append(refusal(why, "subscribe", symbol, began))
        elif hub.disorder.refused():
            replies.append(refusal("Internal error", "subscribe", symbol, began))
        elif symbol in connection.follows:
            replies.append(refusal("Already subscribed", "subscribe", symbol, began))
        elif hub.follow(connection, [symbol]):
            result = {"channel": "trade", "snapshot": snapshot, "symbol": symbol}
            if hub.disorder.acknowledged():
                replies.append(ack("subscribe", result, began))
            fresh.append(symbol)
    trades = [one for symbol in fresh for one in hub.newest(symbol, SNAPSHOT)]
    if snapshot and trades:
        replies.append(frame("snapshot", trades))
    return replies


def unsubscribed(
    hub: Hub, connection: Connection, params: dict[str, object], began: str
) -> list[str]:
    replies = []
    for symbol in named(params):
        if connection.follows.pop(symbol, None) is None:
            why = "Subscription Not Found"
            replies.append(refusal(why, "unsubscribe", symbol, began))
        else:
            result: dict[str, object] = {"channel": "trade", "symbol": symbol}
            replies.append(ack("unsubscribe", result, began))
    hub.note_followers()
    return replies


def named(params: dict[str, object]) -> list[str]:
    symbols = params.get("symbol")
    return [str(symbol) for symbol in symbols] if isinstance(symbols, list) else []


def ack(method: str, result: dict[str, object], began: str) -> str:
    return timed({"method": method, "result": result, "success": True}, began)


def refusal(why: str, method: object, symbol: str | None, began: str) -> str:
    said: dict[str, object] = {"error": why, "method": method, "success": False}
    return timed(said | ({"symbol": symbol} if symbol else {}), began)


def timed(said: dict[str, object], began: str) -> str:
    done = rfc3339(time.time_ns() // 1000)
    return compact(said | {"time_in": began, "time_out": done})
