"""Every metric of a capture process: its name, its meaning, and when to worry."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One family of Prometheus; durations are in seconds, moments in Unix time."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    says: str
    worry: str
    labels: tuple[str, ...] = ("exchange",)

    @property
    def help(self) -> str:
        """What it says and when to worry, in one line."""
        return f"{self.says} {self.worry}"


SYMBOL = ("exchange", "symbol")

FRAMES = Metric(
    name="bullion_frames_total",
    kind="counter",
    says="Frames that exchanges sent, of every kind.",
    worry="Worry when it stands still for a minute: the line is dead.",
)
TRADES = Metric(
    name="bullion_trades_total",
    kind="counter",
    says="Trades of live frames that were put into Kafka's queue.",
    worry="Worry when frames come and trades do not.",
)
REJECTED = Metric(
    name="bullion_frames_rejected_total",
    kind="counter",
    labels=("exchange", "reason"),
    says="Frames that nobody could read, kept verbatim in the rejected topic.",
    worry="Worry at any: the exchange changed its format, or lists a new symbol.",
)
QUEUE = Metric(
    name="bullion_queue_messages",
    kind="gauge",
    says="Messages that Kafka has not acknowledged.",
    worry="Worry above a tenth of bullion_queue_limit_messages: Kafka is slow or away.",
)
QUEUE_LIMIT = Metric(
    name="bullion_queue_limit_messages",
    kind="gauge",
    says="Messages that may wait for Kafka; then sockets are no longer read.",
    worry="It changes with BULLION_QUEUE_MESSAGES alone.",
)
DELIVERY = Metric(
    name="bullion_delivery_seconds",
    kind="histogram",
    says="From publishing to Kafka's acknowledgement, of one message at a time; it is "
    "heard of within 0.02 s.",
    worry="Worry when one in a hundred takes longer than 0.25 s.",
)
DELIVERY_WAIT = Metric(
    name="bullion_delivery_wait_seconds",
    kind="gauge",
    says="How long the message that is timed now waits for its acknowledgement.",
    worry="Worry above 10: Kafka takes nothing.",
)
RECEIVE = Metric(
    name="bullion_receive_seconds",
    kind="histogram",
    says="From a trade's time at the exchange to its receipt here, of one trade a "
    "frame and a millisecond at most, without replays.",
    worry="Worry when it grows: we lag, or bullion_clock_offset_seconds does.",
)
CONNECTIONS = Metric(
    name="bullion_connections_open",
    kind="gauge",
    says="WebSockets that are open.",
    worry="Worry at 0 for longer than BULLION_RETRY_MOST_S.",
)
RECONNECTS = Metric(
    name="bullion_reconnects_total",
    kind="counter",
    labels=("exchange", "cause"),
    says="Connections opened after another, by what was wrong with that one.",
    worry="Worry at more than one in five minutes that is not for age or notice.",
)
STALLS = Metric(
    name="bullion_symbol_stalls_total",
    kind="counter",
    says="Symbols that were silent while REST had newer trades.",
    worry="Worry when it grows daily: subscriptions die.",
)
TRADE_AGE = Metric(
    name="bullion_last_trade_age_seconds",
    kind="gauge",
    labels=SYMBOL,
    says="Since the last trade of a symbol came, or since it is listened for.",
    worry="Worry at many times the symbol's usual interval; quiet markets are quiet.",
)
CONFIRMED = Metric(
    name="bullion_subscription_confirmed",
    kind="gauge",
    labels=SYMBOL,
    says="1 once the newest connection's subscription was acknowledged or brought "
    "a trade, or REST has none that it should have brought; else 0.",
    worry="Worry at 0 for longer than BULLION_ACK_S.",
)
REFUSED = Metric(
    name="bullion_subscription_refused",
    kind="gauge",
    labels=SYMBOL,
    says="1 if the exchange refused the symbol, else 0.",
    worry="Worry at 1: see the log, and correct BULLION_<EXCHANGE>_SYMBOLS.",
)
SWEPT = Metric(
    name="bullion_swept_trades_total",
    kind="counter",
    says="Trades that REST has and that were looked for among those of the stream.",
    worry="Worry when it stands still where the exchange is swept: REST is away.",
)
OMITTED = Metric(
    name="bullion_omitted_trades_total",
    kind="counter",
    says="Those of them that no stream had brought; they were published.",
    worry="Worry when it grows faster than reconnects explain.",
)
MISSING_RATIO = Metric(
    name="bullion_stream_missing_ratio",
    kind="gauge",
    says="Omitted by swept trades since the process began; absent without a sweep.",
    worry="Worry above 0.001.",
)
REST_REQUESTS = Metric(
    name="bullion_rest_requests_total",
    kind="counter",
    labels=("exchange", "outcome"),
    says="Questions to the exchange's REST by this process: answered, too_often, "
    "refused (HTTP 4xx), failed (HTTP 5xx) or unreachable.",
    worry="Worry at any too_often: the next step of the exchange is a ban.",
)
REST_WAIT = Metric(
    name="bullion_rest_wait_seconds_total",
    kind="counter",
    says="Waited until the exchange's limit, shared by all processes, let us ask.",
    worry="Worry when it grows by more than half a second a second.",
)
CLOCK_OFFSET = Metric(
    name="bullion_clock_offset_seconds",
    kind="gauge",
    says="By how much the exchange's clock is ahead of ours, as its REST tells.",
    worry="Worry beyond 1 either way: have NTP set this machine's clock.",
)
CLOCK_UNCERTAINTY = Metric(
    name="bullion_clock_uncertainty_seconds",
    kind="gauge",
    says="How far that may be off: half of the round trip, and of the clock's step.",
    worry="Worry above 1: REST is slow, and the offset says little.",
)
GAPS = Metric(
    name="bullion_gaps_open",
    kind="gauge",
    says="Holes in gold's trade ids that may still be filled, as the ledger has them.",
    worry="Worry when it stays above 0 for an hour: see docs/runbooks/gaps.md.",
)
GAPS_MISSING = Metric(
    name="bullion_gaps_missing_trades",
    kind="gauge",
    says="Trades that gold lacks in those holes.",
    worry="Worry above a million: fills leave such holes to a backfill.",
)
GAPS_TOLD = Metric(
    name="bullion_gaps_told_timestamp_seconds",
    kind="gauge",
    says="When the ledger said so.",
    worry="Worry when that was ten minutes ago: the DAG completeness does not run.",
)
ALL: tuple[Metric, ...] = (
    *(FRAMES, TRADES, REJECTED, QUEUE, QUEUE_LIMIT, DELIVERY, DELIVERY_WAIT, RECEIVE),
    *(CONNECTIONS, RECONNECTS, STALLS, TRADE_AGE, CONFIRMED, REFUSED),
    *(SWEPT, OMITTED, MISSING_RATIO, REST_REQUESTS, REST_WAIT),
    *(CLOCK_OFFSET, CLOCK_UNCERTAINTY, GAPS, GAPS_MISSING, GAPS_TOLD),
)


PAGE = """\
# Metrics

Each capture process exports these at `http://127.0.0.1:PORT/metrics`, for Prometheus.
`BULLION_METRICS_PORT` is the port; without it there are none. On the laptop the first
exchange by name has 19101 and the others the next ones;
`BULLION_PORT_METRICS_<EXCHANGE>` moves one.

`python -m ingestion.metrics > docs/metrics.md` makes this page from the table in
`ingestion/metrics.py`; a test compares them.

| name | kind | labels | what it says | when to worry |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page of documentation, as Markdown."""
    rows = (
        f"| `{each.name}` | {each.kind} | {', '.join(each.labels)} "
        f"| {each.says} | {each.worry} |\n"
        for each in ALL
    )
    return PAGE + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
