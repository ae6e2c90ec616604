"""What a capture process counts, in the format of Prometheus, at a port of its own."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TypeAlias

import structlog
from msgspec import Struct, json
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from ingestion import metrics
from ingestion.capture import Capture
from ingestion.clock import ClockWatch
from ingestion.delivery import Deliveries
from ingestion.histogram import Histogram
from ingestion.line import Traffic
from ingestion.metrics import Metric

log = structlog.get_logger()
HERE = "127.0.0.1"
Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Sample: TypeAlias = tuple[Metric, tuple[str, ...], float | Histogram]
"""A metric, its labels' values behind the exchange's, and what it is now."""


class Gaps(Struct):
    """How many gaps one exchange has, and how many trades they lack."""

    gaps: int = 0
    missing: int = 0


class GapsTold(Struct):
    """What the ledger said, and when (Unix time)."""

    told_at: float
    exchanges: dict[str, Gaps]
    """By their names in capitals; those without a gap are not there."""


def gaps_told(file: Path) -> GapsTold | None:
    """Return what the ledger said last; `None` before it said anything."""
    try:
        return json.decode(file.read_bytes(), type=GapsTold)
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exporter(Collector):
    """Reads one capture's counts when it is asked, from another thread than theirs."""

    capture: Capture
    deliveries: Deliveries
    queue_limit: int
    traffic: Traffic
    clock: ClockWatch | None
    """`None` where the exchange does not tell its time."""
    gaps: Path
    """Where the ledger says how many gaps each exchange has; it may say nothing yet."""

    def collect(self) -> Iterable[Family]:
        """Yield every family of the table, those without a sample too."""
        told: dict[str, list[Sample]] = defaultdict(list)
        for sample in self.samples():
            told[sample[0].name].append(sample)
        for metric in metrics.ALL:
            yield family(metric, self.capture.exchange.name, told[metric.name])

    def samples(self) -> Iterator[Sample]:
        """Yield what is known now."""
        yield from self._of_frames()
        yield from self._of_symbols()
        yield from self._of_rest()
        yield from self._of_clocks()
        yield from self._of_gaps()

    def _of_frames(self) -> Iterator[Sample]:
        capture, tally = self.capture, self.capture.tally
        yield metrics.FRAMES, (), tally.frames
        yield metrics.TRADES, (), tally.trades
        for reason, count in list(tally.rejections.items()):
            yield metrics.REJECTED, (reason,), count
        yield metrics.QUEUE, (), capture.outlet.waiting
        yield metrics.QUEUE_LIMIT, (), self.queue_limit
        yield metrics.DELIVERY, (), self.deliveries.took
        yield metrics.DELIVERY_WAIT, (), self.deliveries.waited()
        yield metrics.RECEIVE, (), tally.received
        yield metrics.CONNECTIONS, (), tally.open
        for cause, count in list(tally.reconnects.items()):
            yield metrics.RECONNECTS, (cause,), count
        yield metrics.STALLS, (), tally.stalls

    def _of_symbols(self) -> Iterator[Sample]:
        capture, now = self.capture, monotonic()
        for native, heard in list(capture.heard.items()):
            symbol = (capture.instruments[native].symbol,)
            yield metrics.TRADE_AGE, symbol, max(0.0, now - heard.at)
            yield metrics.CONFIRMED, symbol, int(heard.confirmed)
            yield metrics.REFUSED, symbol, int(native in capture.tally.refused)

    def _of_rest(self) -> Iterator[Sample]:
        tally, traffic = self.capture.tally, self.traffic
        yield metrics.SWEPT, (), tally.swept
        yield metrics.OMITTED, (), tally.omitted
        if tally.swept:
            yield metrics.MISSING_RATIO, (), tally.omitted / tally.swept
        for outcome, count in list(traffic.requests.items()):
            yield metrics.REST_REQUESTS, (outcome,), count
        yield metrics.REST_WAIT, (), traffic.waited

    def _of_clocks(self) -> Iterator[Sample]:
        if self.clock and (offset := self.clock.offset):
            yield metrics.CLOCK_OFFSET, (), offset.middle
            yield metrics.CLOCK_UNCERTAINTY, (), offset.uncertainty

    def _of_gaps(self) -> Iterator[Sample]:
        if (told := gaps_told(self.gaps)) is None:
            return
        mine = told.exchanges.get(self.capture.exchange.name.upper(), Gaps())
        yield metrics.GAPS, (), mine.gaps
        yield metrics.GAPS_MISSING, (), mine.missing
        yield metrics.GAPS_TOLD, (), told.told_at


def family(metric: Metric, exchange: str, samples: Iterable[Sample]) -> Family:
    """Return a family of Prometheus with its samples."""
    about = (metric.name, metric.help)
    found: Family
    match metric.kind:
        case "counter":
            found = CounterMetricFamily(*about, labels=metric.labels)
        case "gauge":
            found = GaugeMetricFamily(*about, labels=metric.labels)
        case "histogram":
            found = HistogramMetricFamily(*about, labels=metric.labels)
    for _, labels, value in samples:
        match found, value:
            case HistogramMetricFamily(), Histogram():
                found.add_metric([exchange, *labels], value.buckets(), value.total)
            case CounterMetricFamily() | GaugeMetricFamily(), int() | float():
                found.add_metric([exchange, *labels], value)
            case _:
                raise TypeError(f"{metric.name} is a {metric.kind}, not {value!r}")
    return found


@contextmanager
def served(collector: Collector, port: int) -> Iterator[None]:
    """Serve metrics on this machine; 0 serves none, and a taken port stops nobody."""
    if not port:
        yield
        return
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, thread = start_http_server(port, HERE, registry)
    except OSError as error:
        log.error(
            "metrics_not_served",
            port=port,
            why=error.strerror,
            remedy="end what listens there, or set BULLION_METRICS_PORT to another",
        )
        yield
        return
    log.info("metrics_served", url=f"http://{HERE}:{port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
