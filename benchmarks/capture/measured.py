"""One measurement: an exchange that sends, a reader on one core, and what came out."""

import shutil
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.capture.child import Child, ChildFailed, wait_until
from schemas.topic import TRADES
from stack.place import Place

MILLION = 1_000_000
SETTLING = 1.0
"""Seconds at the beginning of a latency run that are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads what the exchange sends."""

    name: str
    words: Callable[["Run"], Sequence[str]]
    env: Callable[["Run"], Mapping[str, str]] = lambda run: {}
    to_kafka: bool = False
    """What Kafka has acknowledged counts, or what the reader itself says."""
    peer: bool = False
    """Whether the exchange must speak as the peer wants it."""
    share: float = 1.0
    """Of the trades that others read; for who takes long."""
    steady: bool = True
    """Whether its latency is measured too."""


@dataclass(slots=True, kw_only=True)
class Run:
    """What a reader is told, and what is measured meanwhile."""

    place: Place
    core: int
    """The reader's."""
    others: Sequence[int]
    """The cores of everything else."""
    exchange: str
    recorded: Path | None
    count: int
    rate: float
    folder: Path
    at: str = ""
    """The sender's address."""
    symbol: str = ""
    servers: str = ""

    @property
    def topic(self) -> str:
        return TRADES.name(self.exchange)

    @property
    def sent(self) -> Path:
        """The file for when each trade was sent."""
        return self.folder / "sent"

    @property
    def seen(self) -> Path:
        """The file for when each trade was there."""
        return self.folder / "seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came out of a run."""

    per_s: float
    """Trades a second, from the first that was sent to the last acknowledged."""
    cpu_per_million: float
    """Core seconds a million trades."""
    resident: Sequence[float]
    """MB at the beginning, after each million of trades, and at the end."""
    latencies: Sequence[float] = field(default=(), repr=False)
    """Seconds from sending to being there, ascending."""

    def latency(self, share: float) -> float:
        """Return the latency that this share of the trades did not exceed."""
        return self.latencies[int(share * (len(self.latencies) - 1))]


@contextmanager
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bullion-capture-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Stage:
    """The processes of one measurement, each on its cores; all end with the block."""

    def __init__(self, run: Run, held: ExitStack) -> None:
        self.run = run
        self._held = held
        self._python = str(run.place.python("spark"))

    def sender(self, peer: bool) -> Child:
        """Start the exchange, and note where it is."""
        run = self.run
        options = ["--count", str(run.count), "--rate", str(run.rate)]
        options += ["--recorded", str(run.recorded)] if run.recorded else []
        options += ["--notes", str(run.sent)] if run.rate else []
        options += ["--peer"] if peer else []
        sender = self._ours("sender", run.exchange, *options)
        run.at = f"http://127.0.0.1:{sender.wait('port')}"
        run.symbol = sender.wait("symbol")
        return sender

    def broker(self, kafka: str | None) -> Child:
        """Start the mock, or what watches a real broker, and note where that is."""
        options = ["--servers", kafka] if kafka else []
        broker = self._ours("broker", self.run.topic, *options, *self._notes())
        self.run.servers = broker.wait("servers")
        return broker

    def reader(self, reader: Reader) -> Child:
        """Start the reader, alone on its core."""
        words = list(reader.words(self.run))
        words += [] if reader.to_kafka else self._notes()
        env = reader.env(self.run)
        one = Child("reader", words, [self.run.core], self.run.folder, env)
        self._held.callback(one.end, kindly=False)
        return one

    def _notes(self) -> list[str]:
        return ["--notes", str(self.run.seen)] if self.run.rate else []

    def _ours(self, name: str, *words: str) -> Child:
        module = [self._python, "-P", "-m", f"benchmarks.capture.{name}"]
        child = Child(name, [*module, *words], self.run.others, self.run.folder)
        self._held.callback(child.end)
        return child


def measured(
    reader: Reader,
    run: Run,
    kafka: str | None = None,
    tell: Callable[[str], None] = print,
) -> Measured:
    """Let a reader read `run.count` trades, as fast as it can or at `run.rate`.

    `kafka` is a broker to use instead of the mock; `tell` hears of each million.

    Raises:
        ChildFailed: a process ended or stood still, or more came than was sent.
    """
    with ExitStack() as held:
        stage = Stage(run, held)
        sender = stage.sender(reader.peer)
        broker = stage.broker(kafka) if reader.to_kafka else None
        one = stage.reader(reader)
        counts = broker or one
        everybody = [sender, one, counts]

        def acked() -> float:
            return float(counts.heard.get("acked", 0))

        wait_until(lambda: "began" in sender.heard, everybody)
        cpu, resident = one.cpu(), [one.resident()]
        for part in range(MILLION, run.count + MILLION, MILLION):
            goal = min(part, run.count)
            wait_until(lambda: acked() >= goal, everybody, acked)
            resident.append(one.resident())
            if goal == part:
                tell(f"{goal:,} trades, {resident[-1]:.1f} MB")
        cpu = one.cpu() - cpu
        if acked() != run.count:
            raise ChildFailed(f"{run.count} trades were sent, and {acked()} came")
        took = float(counts.heard["at"]) - float(sender.heard["began"])
    return Measured(
        per_s=run.count / took,
        cpu_per_million=cpu / run.count * MILLION,
        resident=resident,
        latencies=(
            latencies(run.sent, run.seen, int(run.rate * SETTLING)) if run.rate else ()
        ),
    )


def latencies(sent: Path, seen: Path, left_out: int) -> list[float]:
    """Return how long each trade took, ascending; both files have ns in order of ids.

    Raises:
        ValueError: not all that were sent were seen.
    """
    begun, there = array("q"), array("q")
    begun.frombytes(sent.read_bytes())
    there.frombytes(seen.read_bytes())
    if len(begun) != len(there) or 0 in there:
        raise ValueError(
            f"{len(begun)} were sent, and {len(there)} seen, or with holes"
        )
    took = [(b - a) / 1e9 for a, b in zip(begun, there, strict=True)]
    return sorted(took[left_out:])
