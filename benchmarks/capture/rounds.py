"""All readers in turn, round after round: medians, and ratios within a round."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.capture.measured import Measured, Reader, Run, measured, scratch
from benchmarks.capture.readers import CEILING, OURS, PEERS
from benchmarks.capture.told import CHUNK
from stack.place import Place

RATE = "trades/s"
COST = "core seconds a million"
CORE = "trades a core second"
MEMORY = "resident MB"
MIDDLE = "p50 ms"
HIGH = "p99 ms"
BUSY = "cores at the steady rate"
RATIO = "bullion's trades/s to it"
COST_RATIO = "bullion's cost to it"
Figures = Mapping[str, float]


def whole(trades: float) -> int:
    """Return as many trades in whole chunks, one at least."""
    return max(1, round(trades / CHUNK)) * CHUNK


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is asked of all measurements."""

    place: Place
    core: int
    others: Sequence[int]
    recorded: Path | None
    trades: int
    rate: int
    """Trades a second while latency is measured."""
    seconds: int
    rounds: int
    peers: bool
    kafka: str | None
    tell: Callable[[str], None]

    def compared(self, exchange: str) -> dict[str, Figures]:
        """Return the medians of each reader's figures, by its name."""
        readers = (OURS, *PEERS, CEILING) if self.peers else (OURS,)
        found: dict[str, list[Figures]] = {reader.name: [] for reader in readers}
        for number in range(self.rounds):
            ours: Figures = {}
            for reader in readers:
                figures = self.figures(exchange, reader)
                ours = ours or figures
                figures |= {
                    RATIO: ours[RATE] / figures[RATE],
                    COST_RATIO: ours[COST] / figures[COST],
                }
                found[reader.name].append(figures)
                said = ", ".join(f"{name} {v:,.4g}" for name, v in figures.items())
                self.tell(f"{exchange}, round {number + 1}, {reader.name}: {said}")
        return {name: middle(rounds) for name, rounds in found.items()}

    def figures(self, exchange: str, reader: Reader) -> dict[str, float]:
        """Return one round's figures of a reader."""
        fast = self.measured(exchange, reader, self.trades * reader.share, 0)
        found = {
            RATE: fast.per_s,
            CORE: 1e6 / fast.cpu_per_million,
            COST: fast.cpu_per_million,
            MEMORY: fast.resident[-1],
        }
        if reader.steady:
            slow = self.measured(exchange, reader, self.rate * self.seconds, self.rate)
            found |= {
                MIDDLE: slow.latency(0.5) * 1000,
                HIGH: slow.latency(0.99) * 1000,
                BUSY: slow.cpu_per_million * self.rate / 1e6,
            }
        return found

    def soaked(self, exchange: str, trades: int) -> dict[str, object]:
        """Return our memory in MB at the start and after each million, and the rate."""
        one = self.measured(exchange, OURS, trades, 0)
        return {RATE: one.per_s, COST: one.cpu_per_million, MEMORY: one.resident}

    def measured(
        self, exchange: str, reader: Reader, trades: float, rate: int
    ) -> Measured:
        with scratch() as folder:
            run = Run(
                place=self.place,
                core=self.core,
                others=self.others,
                exchange=exchange,
                recorded=self.recorded,
                count=whole(trades),
                rate=rate,
                folder=folder,
            )
            return measured(reader, run, self.kafka, self.tell)


def middle(rounds: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return {name: median(one[name] for one in rounds) for name in rounds[0]}
