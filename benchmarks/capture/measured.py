"""One measurement: an exchange that sends, a reader on one core, and what came out."""

import shutil
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.capture.child import Child, wait_until
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came out of a run."""

    per_s: float
    """Trades a second, from the first that was sent to the last acknowledged."""
    cpu_per_million: float
    """Core seconds a million trades."""
    resident: Sequence[float]
    """MB at the beginning, and after each million of trades or what is less."""
    latencies: Sequence[float] = field(default=(), repr=False)
    """Seconds from sending to being there, ascending."""

    def latency(self, share: float) -> float:
        """Return the latency that this share of the trades did not exceed."""
        return self.latencies[
            min(len(self.latencies) - 1, int(share * len(self.latencies)))
        ]


@contextmanager
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bullion-capture-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def measured(
    reader: Reader,
    run: Run,
    kafka: str | None = None,
    tell: Callable[[str], None] = print,
) -> Measured:
    """Let a reader read `run.count` trades, as fast as it can or at `run.rate`.

    `kafka` is a broker to use instead of the mock; `tell` is told the
    memory after each million.

    Raises:
        ChildFailed: a process ended or stood still.
    """
    python = str(run.place.python("spark"))
    sent, seen = run.folder / "sent", run.folder / "seen"
    notes = ["--notes", str(seen)] if run.rate else []
    with ExitStack() as held:

        def child(
            name: str,
            on: Sequence[int],
            words: Sequence[str],
            **more: Mapping[str, str],
        ) -> Child:
            one = Child(name, words, on, run.folder / f"{name}.log", **more)
            held.callback(one.end, kindly=name != "reader")
            return one

        words = [python, "-P", "-m", "benchmarks.capture.sender", run.exchange]
        words += ["--count", str(run.count), "--rate", str(run.rate)]
        words += ["--recorded", str(run.recorded)] if run.recorded else []
        words += ["--notes", str(sent)] if run.rate else []
        sender = child(
            "sender", run.others, [*words, *(["--peer"] if reader.peer else [])]
        )
        run.at = f"http://127.0.0.1:{sender.wait('port')}"
        run.symbol = sender.wait("symbol")
        counts: Child | None = None
        if reader.to_kafka:
            words = [python, "-P", "-m", "benchmarks.capture.broker", run.topic, *notes]
            words += ["--servers", kafka] if kafka else []
            counts = child("broker", run.others, words)
            run.servers = counts.wait("servers")
        words = list(reader.words(run))
        if run.rate and not reader.to_kafka:
            words += notes
        one = child("reader", [run.core], words, env=reader.env(run))
        counts = counts or one
        everybody = [sender, one, counts]
        wait_until(lambda: "began" in sender.heard, everybody)
        began = float(sender.heard["began"])
        cpu, resident = one.cpu(), [one.resident()]
        for part in range(MILLION, run.count + MILLION, MILLION):
            goal = min(part, run.count)

            def acked() -> float:
                return float(counts.heard.get("acked", 0))

            wait_until(lambda: acked() >= goal, everybody, acked)
            resident.append(one.resident())
            if goal >= MILLION:
                tell(f"{goal:,} trades, {resident[-1]:.1f} MB")
        cpu = one.cpu() - cpu
        took = float(counts.heard["at"]) - began
    return Measured(
        per_s=run.count / took,
        cpu_per_million=cpu / run.count * MILLION,
        resident=resident,
        latencies=latencies(sent, seen, int(run.rate * SETTLING)) if run.rate else (),
    )


def latencies(sent: Path, seen: Path, left_out: int) -> list[float]:
    """Return how long each trade took, ascending; both files have ns in order of ids.

    Raises:
        ValueError: not as many were seen as were sent.
    """
    begun, there = array("q"), array("q")
    begun.frombytes(sent.read_bytes())
    there.frombytes(seen.read_bytes())
    pairs = zip(begun, there, strict=True)
    return sorted((b - a) / 1e9 for a, b in list(pairs)[left_out:])
