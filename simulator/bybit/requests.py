"""What a client may ask on a Bybit stream, and what it is answered."""

import json

from simulator.bybit.frames import compact
from simulator.hub import Connection, Hub

TOPIC = "publicTrade."
AT_ONCE = 10
"""Topics that one request may name on spot."""


def answer(hub: Hub, connection: Connection, ident: str, text: str) -> str:
    """Carry a request out and return the reply; `ident` is the connection's."""
    try:
        asked = json.loads(text)
    except json.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        return reply(ident, "", "", "error:invalid json")
    op, number = str(asked.get("op")), str(asked.get("req_id", ""))
    args = asked.get("args")
    topics = [str(each) for each in args] if isinstance(args, list) else []
    symbols = [topic.removeprefix(TOPIC) for topic in topics]
    match op:
        case "ping":
            return reply(ident, number, op, "pong", success=True)
        case "subscribe" | "unsubscribe":
            if why := refusal(hub, topics, symbols):
                return reply(ident, number, op, why)
        case _:
            return reply(ident, number, op, "error:unknown op")
    if op == "subscribe":
        if hub.disorder.refused():
            return reply(ident, number, op, "error:internal")
        hub.follow(connection, set(symbols) - set(connection.follows))
    else:
        for symbol in symbols:
            connection.follows.pop(symbol, None)
        hub.note_followers()
    return reply(ident, number, op, "", success=True)


def refusal(hub: Hub, topics: list[str], symbols: list[str]) -> str:
    """Return what is wrong with a request; it is refused as a whole."""
    if len(topics) > AT_ONCE:
        return f"args size >{AT_ONCE}"
    for topic, symbol in zip(topics, symbols, strict=True):
        if not topic.startswith(TOPIC) or symbol not in hub.feed.symbols:
            return f"Invalid symbol :[{topic}]"
    return "" if topics else "error:no args"


def reply(ident: str, number: str, op: str, why: str, success: bool = False) -> str:
    return compact(
        {
            "success": success,
            "ret_msg": why,
            "conn_id": ident,
            "req_id": number,
            "op": op,
        }
    )
