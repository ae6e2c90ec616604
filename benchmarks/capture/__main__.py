"""Frame to acknowledged message on one core, over real sockets, and beside peers.

    ./bullion bench capture [EXCHANGE ...] [--recorded ../shared/data] [--soak N]

An exchange on one core sends recorded trades with ids that count up; a capture process
as it always is reads them on another, and librdkafka's mock broker acknowledges. That
is a process beside the exchange: the figures are the client's, and not Kafka's. In the
same rounds cryptofeed reads, in an environment of its own that is made on first use,
and as the ceiling a loop of `websockets` and `json`. There is no TLS.

Medians of the rounds are printed, and ratios within a round; the last line is all of it
as JSON. The machine's noise is in trades/s, and less of it in core seconds.
"""

import json
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.capture.child import ChildFailed
from benchmarks.capture.rounds import Bench, Figures
from benchmarks.own_services import own_services
from schemas.exchange import usual_exchanges
from stack.environments import NotFetched, build_from
from stack.place import Place
from stack.steps import StepFailed

LOCK = Path(__file__).parent / "peer.txt"
BROKER = {"kafka format", "kafka", "topics"}
progress = Console(stderr=True, width=110)


def arguments() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog="./bullion bench capture", description=__doc__)
    parser.add_argument("exchange", nargs="*", default=usual_exchanges())
    parser.add_argument(
        "--recorded", type=Path, help="a folder; or trades are invented"
    )
    parser.add_argument("--trades", type=int, default=200_000, help="a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=2000, help="trades/s, for latency")
    parser.add_argument("--seconds", type=int, default=20, help="of a latency run")
    parser.add_argument("--soak", type=int, help="trades, for memory and nothing else")
    parser.add_argument("--no-peers", action="store_true", help="bullion alone")
    parser.add_argument("--kafka", action="store_true", help="a real broker of its own")
    parser.add_argument("--json", action="store_true", help="no tables")
    return parser


def main() -> int:
    """Measure and print; return 1 if a process failed."""
    asked = arguments().parse_args()
    core, *others = sorted(getattr(os, "sched_getaffinity", lambda _: {0})(0))
    if not others:
        print("this bench gives each process a core of its own: it needs Linux and two")
        return 1
    place = Place.read()
    # So that whoever ends this ends its processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        if not asked.no_peers and not asked.soak:
            build_from(place, "capture-peer", LOCK)
        # What measures, and a broker, stay off the core that is measured.
        os.sched_setaffinity(0, others)
        with broker(asked) as kafka:
            found = measure(bench_of(place, (core, *others), asked, kafka), asked)
    except (ChildFailed, NotFetched, StepFailed) as why:
        print(why, file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


@contextmanager
def broker(asked: Namespace) -> Iterator[str | None]:
    """Give the address of a real broker with our topics, if one is asked for."""
    if not asked.kafka:
        yield None
        return
    with own_services(BROKER) as (_, env):
        yield env["BULLION_KAFKA_SERVERS"]


def bench_of(
    place: Place, cores: Sequence[int], asked: Namespace, kafka: str | None
) -> Bench:
    """Return what is asked, the reader on the first of the cores."""
    return Bench(
        place=place,
        core=cores[0],
        others=cores[1:],
        recorded=asked.recorded and asked.recorded.resolve(),
        trades=asked.trades,
        rate=asked.rate,
        seconds=asked.seconds,
        rounds=asked.rounds,
        peers=not asked.no_peers,
        kafka=kafka,
        tell=lambda line: progress.print(line, style="dim", highlight=False),
    )


def measure(bench: Bench, asked: Namespace) -> dict[str, object]:
    """Return all figures, by exchange and reader; print them unless told otherwise."""
    found: dict[str, object] = {
        "broker": "Kafka" if bench.kafka else "librdkafka's mock",
        "trades": "recorded" if asked.recorded else "invented",
    }
    for exchange in asked.exchange:
        if asked.soak:
            found[exchange] = bench.soaked(exchange, asked.soak)
            continue
        found[exchange] = figures = bench.compared(exchange)
        if not asked.json:
            show(exchange, asked, figures)
    return found


def show(exchange: str, asked: Namespace, found: Mapping[str, Figures]) -> None:
    """Print an exchange's figures, a column a reader."""
    title = f"{exchange}, medians of {asked.rounds}; latency at {asked.rate:,} trades/s"
    table = Table("", title=title, title_justify="left")
    for reader in found:
        table.add_column(reader, justify="right")
    for name in dict.fromkeys(name for each in found.values() for name in each):
        values = (figures.get(name) for figures in found.values())
        table.add_row(name, *("" if v is None else shown(v) for v in values))
    Console(width=110).print(table)


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
