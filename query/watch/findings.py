"""What one look finds to be wrong: pure functions over what `status` tells."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from query.watch.bars import Bars
from query.watch.kinds import Kind

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong at this moment."""

    kind: Kind
    subject: str = ""
    """The exchange in lower case, or the DAG; empty where it is about all."""
    what: str
    since: datetime | None = None
    """Since when, aware UTC, where the figures tell; else since it was seen."""

    @property
    def key(self) -> str:
        """By which it is known to be the same again."""
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True)
class Seen:
    """The findings of one look, and of which keys it could say nothing."""

    findings: tuple[Finding, ...]
    unknown: frozenset[str] = frozenset()

    def judges(self, key: str) -> bool:
        """Return whether the look could have seen it.

        `kind:subject`, a whole `kind:`, or everything (`*`) may be unknown.
        """
        kind = key.split(":")[0] + ":"
        return self.unknown.isdisjoint({key, kind, "*"}) or key == BLIND


DRILLED_WITHIN = timedelta(days=40)
"""It is due each month."""
BLIND = f"{Kind.WATCH_BLIND}:"


def blind(why: str) -> Seen:
    """Return what is seen where looking itself failed."""
    what = f"the watch cannot look: {why}"
    return Seen((Finding(kind=Kind.WATCH_BLIND, what=what),), frozenset({"*"}))


def found(told: Told, bars: Bars) -> Seen:
    """Return what is wrong by one object of figures, one finding a cause.

    Raises:
        KeyError: the object lacks a figure.
    """
    moment = datetime.fromisoformat(told["at"])
    findings: list[Finding] = []
    unknown: set[str] = set()
    if told["airflow"] != "ok":
        what = f"Airflow's API does not answer: {told['airflow']}"
        findings.append(Finding(kind=Kind.AIRFLOW_AWAY, what=what))
        unknown.add(f"{Kind.DAG_FAILED}:")
    for lane in told["lanes"]:
        seen = of_lane(lane, moment, bars)
        findings += seen.findings
        unknown |= seen.unknown
    if lags := [each["kafka_lag"] for each in told["lanes"]]:
        if away := [lag for lag in lags if isinstance(lag, str)]:
            what = f"how far bronze is behind Kafka is {away[0]}"
            findings.append(Finding(kind=Kind.KAFKA_AWAY, what=what))
    findings += gaps(told["completeness"]["open"], moment, bars)
    findings += short(told["completeness"]["compared"])
    findings += old_drill(told["drill"], moment)
    findings += map(failed, told["failed_dags"])
    return Seen(tuple(findings), frozenset(unknown))


def of_lane(lane: Told, moment: datetime, bars: Bars) -> Seen:
    """Return what is wrong with one exchange's way from capture to gold."""
    exchange = lane["exchange"]
    capture = [*of_capture(exchange, lane["capture"])]
    down = any(each.kind is Kind.CAPTURE_DOWN for each in capture)
    unknown: list[Kind] = []
    bronze: list[Finding] = []
    if isinstance(lane["kafka_lag"], str):
        unknown += [Kind.BRONZE_LATE, Kind.STREAM_SILENT]
    else:
        bronze += of_bronze(lane, moment, bars)
    if down:
        # That nothing comes of a capture that is down is the same incident.
        bronze = [each for each in bronze if each.kind is not Kind.STREAM_SILENT]
        unknown += [Kind.STREAM_SILENT, Kind.STREAM_DOWN]
    layers = of_layers(lane, moment, bars)
    return Seen(
        (*capture, *bronze, *layers.findings),
        layers.unknown | {f"{kind}:{exchange}" for kind in unknown},
    )


def of_capture(exchange: str, capture: Told | None) -> Iterator[Finding]:
    """Yield what a capture process says of itself; nothing where it is not asked."""
    if capture is None:
        return
    if capture["error"]:
        what = f"the capture of {exchange} does not answer: {capture['error']}"
        yield Finding(kind=Kind.CAPTURE_DOWN, subject=exchange, what=what)
        return
    dead = sorted({*capture["unconfirmed"], *capture["refused"]})
    if not capture["connections"]:
        what = f"the capture of {exchange} has no open connection"
    elif dead:
        what = f"{exchange} sends nothing of {some(dead)}: not confirmed, or refused"
    else:
        return
    yield Finding(kind=Kind.STREAM_DOWN, subject=exchange, what=what)


def of_bronze(lane: Told, moment: datetime, bars: Bars) -> Iterator[Finding]:
    """Yield whether nothing comes, or what comes does not get to bronze."""
    exchange, lag = lane["exchange"], lane["kafka_lag"]
    age = lane["layers"]["bronze"]["freshness_s"]
    old = "shows no row" if age is None else f"is {age:,.0f} s old"
    since = None if age is None else moment - timedelta(seconds=age)
    if lag and (lag > bars.lag_messages or age is None or age > bars.bronze_s):
        what = f"bronze of {exchange} {old}, {lag:,} messages behind Kafka"
        yield Finding(kind=Kind.BRONZE_LATE, subject=exchange, what=what, since=since)
    elif not lag and (age is None or age > bars.silence_s):
        what = f"nothing comes of {exchange}: bronze {old} and has read all of Kafka"
        yield Finding(kind=Kind.STREAM_SILENT, subject=exchange, what=what, since=since)


def of_layers(lane: Told, moment: datetime, bars: Bars) -> Seen:
    """Return whether silver or gold are late, lost, or held by a closed gate."""
    exchange = lane["exchange"]
    findings, unknown = [*closed(lane)], set()
    if findings:
        # What waits before a closed gate waits for a person, who has been told.
        unknown.add(f"{Kind.GOLD_LATE}:{exchange}")
    for layer, kind, bar in (
        ("silver", Kind.SILVER_LATE, bars.silver_s),
        ("gold", Kind.GOLD_LATE, bars.gold_s),
    ):
        key = f"{kind}:{exchange}"
        figures = lane["layers"][layer]
        if why := figures.get("history_gone"):
            findings.append(Finding(kind=Kind.HISTORY_GONE, subject=exchange, what=why))
            unknown.add(key)
        elif (waited := figures["waits_s"]) > bar and key not in unknown:
            what = (
                f"{layer} of {exchange} is owed rows for {waited:,.0f} s{state(lane)}"
            )
            since = moment - timedelta(seconds=waited)
            findings.append(
                Finding(kind=kind, subject=exchange, what=what, since=since)
            )
    return Seen(tuple(findings), frozenset(unknown))


def closed(lane: Told) -> Iterator[Finding]:
    """Yield whether the last gate closed the lane."""
    exchange, gate = lane["exchange"], lane["last_gate"] or {}
    if gate.get("outcome") == "closed":
        names = ", ".join(gate.get("failed") or ()) or "an expectation"
        yield Finding(
            kind=Kind.LANE_CLOSED,
            subject=exchange,
            what=f"the gate of {exchange} closed its lane: {names} not met",
            since=datetime.fromisoformat(gate["at"]) if gate.get("at") else None,
        )


def state(lane: Told) -> str:
    """Return what Airflow says of a lane that is late."""
    if lane["paused"]:
        return "; its lane is paused"
    return "; its lane's last run failed" if lane["last_run"] == "failed" else ""


def gaps(rows: Iterable[Told], moment: datetime, bars: Bars) -> Iterator[Finding]:
    """Yield one finding for each exchange whose holes in the trade ids stay open."""
    old: dict[str, list[Told]] = {}
    for row in rows:
        age = moment - datetime.fromisoformat(row["found"])
        if age.total_seconds() > bars.gap_s:
            old.setdefault(row["exchange"].lower(), []).append(row)
    for exchange, mine in old.items():
        missing = sum(row["missing"] for row in mine)
        symbols = some(sorted({row["symbol"] for row in mine}))
        yield Finding(
            kind=Kind.GAP_OPEN,
            subject=exchange,
            what=f"{missing:,} trades of {exchange} are missing and stay so: {symbols}",
            since=min(datetime.fromisoformat(row["found"]) for row in mine),
        )


def short(rows: Iterable[Told]) -> Iterator[Finding]:
    """Yield one finding for each exchange of which REST has trades that gold lacks."""
    lacks: dict[str, int] = {}
    for row in rows:
        if row["short"]:
            name = row["exchange"].lower()
            lacks[name] = lacks.get(name, 0) + row["short"]
    for exchange, trades in lacks.items():
        what = f"{trades:,} trades that REST of {exchange} has are not in gold"
        yield Finding(kind=Kind.TRADES_SHORT, subject=exchange, what=what)


def old_drill(drill: Told | None, moment: datetime) -> Iterator[Finding]:
    """Yield that nobody has tried a backup for long; a red drill is a DAG that failed.

    Nothing where there was none yet: the first comes with the next month.
    """
    if drill is None:
        return
    due = datetime.fromisoformat(drill["at"]) + DRILLED_WITHIN
    if moment > due:
        what = f"no backup was tried since {drill['at'][:10]}, by a restore drill"
        yield Finding(kind=Kind.DRILL_OLD, what=what, since=due)


def failed(run: Told) -> Finding:
    """Return the finding of a DAG whose newest ended run failed."""
    return Finding(
        kind=Kind.DAG_FAILED,
        subject=run["dag_id"],
        what=f"the DAG {run['dag_id']} failed in its run {run['run_id']}",
        since=datetime.fromisoformat(run["at"]) if run["at"] else None,
    )


def some(names: list[str]) -> str:
    """Return up to five names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
