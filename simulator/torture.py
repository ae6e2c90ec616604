"""A seeded schedule of faults: the same seed, the same faults in the same order."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from simulator.faults import FAULTS
from simulator.hub import Hub

log = structlog.get_logger()


@dataclass(slots=True)
class Torture:
    """Orders one fault after another, `every` so many seconds on average."""

    hubs: Mapping[str, Hub]
    seed: int
    every: float
    left: int
    """How many are still to come."""
    done: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Torture until nothing is left to do."""
        dice = random.Random(self.seed)
        while self.left:
            await asyncio.sleep(dice.uniform(0.5, 1.5) * self.every)
            name = dice.choice(sorted(self.hubs))
            hub = self.hubs[name]
            kind, fault, order = drawn(dice, hub)
            said = await FAULTS[fault](hub, order)
            self.done[kind] += 1
            self.left -= 1
            log.info("fault", kind=kind, exchange=name, left=self.left, **said)


def drawn(dice: random.Random, hub: Hub) -> tuple[str, str, dict[str, object]]:
    """Return the next fault: how it is counted, its name, and its order."""
    symbol = dice.choice(hub.feed.symbols)
    some = dice.randint(1, 20)
    orders: list[tuple[str, str, dict[str, object]]] = [
        ("cut", "drop", {}),
        ("closed", "drop", {"code": dice.choice([1000, 1001, 1008, 1012])}),
        ("reset", "drop", {"reset": True}),
        ("half open", "mute", {}),
        ("notice", "notice", {"seconds": dice.randint(0, 5)}),
        ("omitted", "omit", {"symbol": symbol, "count": some}),
        ("absent", "lose", {"symbol": symbol, "count": dice.randint(1, 3)}),
        ("doubled", "duplicate", {"count": some}),
        ("reordered", "reorder", {"count": some}),
        ("merged", "merge", {"seconds": some}),
        ("split", "split", {"seconds": some}),
        ("delayed", "delay", {"seconds": dice.randint(1, 8)}),
        ("garbage", "garbage", {"frame": noise(dice)}),
        ("refused", "refuse", {"count": dice.randint(1, 3)}),
        ("handshake", "refuse", {"status": dice.choice([403, 429, 503]), "count": 2}),
        ("REST busy", "rest", {"status": 429, "retry_after": dice.randint(1, 5)}),
        ("REST banned", "rest", {"status": 418, "retry_after": dice.randint(1, 10)}),
        ("REST broken", "rest", {"status": 503, "count": dice.randint(1, 4)}),
        ("REST slow", "rest", {"seconds": dice.randint(1, 25)}),
        ("REST cut", "rest", {"cut": True}),
        ("REST empty", "rest", {"empty": True}),
    ]
    return dice.choice(orders)


def noise(dice: random.Random) -> str:
    """Return what no exchange should send."""
    return dice.choice(
        [
            '{"channel":"trade","data":[{"symbol":"BTC',
            '{"data":' * 2000,
            '{"e":"trade","p":"NaN"}',
            "\x00\x01\x02",
            "x" * 100_000,
            "null",
        ]
    )
