"""The trades of one simulated symbol: a function of seed, rate and time alone.

Time is cut into blocks of ten seconds since 2026. A block holds a fixed number of
trades, so the id of a trade tells its block and back, and nothing need be stored. When
the rate or the seed changes, a new span of blocks begins and ids go on from there.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from math import exp, pi, sin
from random import Random

from simulator.market import Market
from simulator.trade import Trade

EPOCH_NS = 1_767_225_600 * 10**9
BLOCK_NS = 10 * 10**9
KEPT_BLOCKS = 16
SWINGS = ((950_400, 0.14), (112_000, 0.05), (10_800, 0.015), (1_020, 0.003), (97, 5e-4))
"""Period in seconds and size of each wave of the price; together under ln 1.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of blocks with one rate and one seed."""

    block: int
    first_id: int
    per_block: int
    seed: int


def block_of(time_ns: int) -> int:
    return max(0, (time_ns - EPOCH_NS) // BLOCK_NS)


def spans(market: Market, segments: list[tuple[int, float, int]]) -> list[Span]:
    """Return the spans of a market; a segment is first block, overall rate, seed."""
    found: list[Span] = []
    for block, rate, seed in segments:
        first = market.first_id
        if found:
            old = found[-1]
            first = old.first_id + (block - old.block) * old.per_block
        count = max(1, round(rate * market.share * BLOCK_NS / 10**9))
        found.append(Span(block=block, first_id=first, per_block=count, seed=seed))
    return found


class Tape:
    """All trades of a symbol since 2026, those to come included."""

    def __init__(
        self,
        exchange: str,
        market: Market,
        segments: list[tuple[int, float, int]],
        spikes: Mapping[int, str],
    ) -> None:
        self.market = market
        self.spans = spans(market, segments)
        self.spikes = dict(spikes)
        self._name = f"{exchange}|{market.symbol}"
        self._blocks: OrderedDict[int, list[Trade]] = OrderedDict()

    def at(self, time_ns: int) -> int:
        """Return the id of the first trade that is not before this time."""
        block = block_of(time_ns)
        trades = self._block(block)
        place = bisect_left(trades, time_ns, key=_time_of)
        return trades[0].trade_id + place

    def trade(self, trade_id: int) -> Trade:
        return next(self.trades(trade_id, trade_id))

    def trades(self, from_id: int, to_id: int) -> Iterator[Trade]:
        """Yield the trades with these ids, both included."""
        trade_id = max(from_id, self.market.first_id)
        while trade_id <= to_id:
            place = bisect_right(self.spans, trade_id, key=lambda span: span.first_id)
            span = self.spans[place - 1]
            block, skip = divmod(trade_id - span.first_id, span.per_block)
            found = self._block(span.block + block)
            found = found[skip : skip + to_id - trade_id + 1]
            yield from found
            trade_id += len(found)

    def spike(self, trade_id: int, factor: str) -> None:
        self.spikes[trade_id] = factor
        self._blocks.clear()

    def _block(self, block: int) -> list[Trade]:
        if block in self._blocks:
            return self._blocks[block]
        place = bisect_right(self.spans, block, key=lambda span: span.block)
        span = self.spans[place - 1]
        trades = block_trades(self._name, self.market, span, block)
        if self.spikes:
            trades = [
                (
                    spiked(one, factor)
                    if (factor := self.spikes.get(one.trade_id))
                    else one
                )
                for one in trades
            ]
        self._blocks[block] = trades
        if len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return trades


def _time_of(trade: Trade) -> int:
    return trade.time_ns


def spiked(trade: Trade, factor: str) -> Trade:
    """Return the trade at a price so many times its own, in as many decimals."""
    price = Decimal(trade.price)
    step = Decimal(1).scaleb(-len(trade.price.partition(".")[2]))
    return trade._replace(price=f"{(price * Decimal(factor)).quantize(step):f}")


def block_trades(name: str, market: Market, span: Span, block: int) -> list[Trade]:
    """Return the trades of a block, always the same."""
    draw = blake2b(f"{span.seed}|{name}|{block}".encode(), digest_size=8).digest()
    rng = Random(int.from_bytes(draw))
    first_id = span.first_id + (block - span.block) * span.per_block
    start = EPOCH_NS + block * BLOCK_NS
    trades = []
    for place, offset in enumerate(moments(rng, span.per_block, market.whole_ms)):
        time_ns = start + offset
        side = "buy" if rng.random() < 0.5 else "sell"
        trades.append(
            Trade(
                market.symbol,
                first_id + place,
                price_text(market, time_ns, rng.random(), side),
                quantity_text(rng, market.price),
                time_ns,
                side,
                "market" if rng.random() < 0.4 else "limit",
                time_ns // 1_000_000 + (1 if rng.random() < 0.8 else 3),
            )
        )
    return trades


def moments(rng: Random, count: int, whole_ms: bool) -> list[int]:
    """Return when the trades of a block happen, in ns; many share a moment.

    Most orders meet several others at once, and a third of them fall into a burst.
    """
    burst = rng.random() * (BLOCK_NS - 300_000_000)
    orders = [
        int(
            burst + rng.random() * 300_000_000
            if rng.random() < 0.3
            else rng.random() * BLOCK_NS
        )
        for _ in range(max(1, count * 2 // 5))
    ]
    grain = 1_000_000 if whole_ms else 1
    chosen = [orders[int(rng.random() * len(orders))] for _ in range(count)]
    return sorted(moment // grain * grain for moment in chosen)


def price_text(market: Market, time_ns: int, noise: float, side: str) -> str:
    """Return a price on the tick grid: slow waves, a little noise, and the spread."""
    seconds = (time_ns - EPOCH_NS) / 10**9
    phase = market.first_id % 997
    wave = sum(size * sin(2 * pi * seconds / per + phase) for per, size in SWINGS)
    scale = 10**market.tick_decimals
    ticks = round(market.price * exp(wave + (noise - 0.5) * 1e-4) * scale)
    ticks += 1 if side == "buy" else 0
    whole, part = divmod(ticks, scale)
    return f"{whole}.{part:0{market.tick_decimals}d}".ljust(
        len(str(whole)) + 1 + market.price_decimals, "0"
    )


def quantity_text(rng: Random, price: float) -> str:
    """Return a quantity with eight decimals, from 1e-8 up; most are small."""
    if rng.random() < 0.02:
        units = 1 + int(rng.random() * 100)
    else:
        worth = exp(3 + 4.5 * rng.random() * (0.4 + rng.random()))
        units = max(1, int(worth / price * 10**8))
        if rng.random() < 0.7:
            units = units // 1000 * 1000 or 1000
    whole, part = divmod(units, 10**8)
    return f"{whole}.{part:08d}"
