"""The page that shows each expectation of the gates over time, as strips of hours."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Self

from expectations import gate_digest
from expectations.gate_hours import Hour
from expectations.inspection import inspected
from expectations.suites import GATE, ROWS, all_suites

SHOWN = timedelta(days=14)
LEAST_SHOWN = timedelta(days=1)
WIDTH, HEIGHT = 672, 34
"""Of a strip, in pixels: two for each hour of the longest time that is shown."""
STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #66727f; --line: #dfe4ea;
  --paper: #fff; --met: #b9d9c4; --curve: #2f6f9f; --warning: #d9931e;
  --closed: #c8372d }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #97a3b1;
  --line: #2c3540; --paper: #12171d; --met: #2c4a37; --curve: #74b3e0;
  --warning: #e0a94a; --closed: #ee6a5f } }
body { margin: 0 auto; padding: 24px; max-width: 1180px; color: var(--ink);
  background: var(--paper); font: 14px/1.45 system-ui, sans-serif }
h1 { font-size: 20px; margin: 0 0 4px } h2 { font-size: 16px; margin: 28px 0 6px }
p { color: var(--soft); margin: 0 0 12px; max-width: 75ch }
table { border-collapse: collapse; width: 100% }
td, th { border-top: 1px solid var(--line); padding: 5px 10px 5px 0; text-align: left;
  vertical-align: middle; font-variant-numeric: tabular-nums }
th { font-weight: 600; color: var(--soft); border: 0 } td small { color: var(--soft) }
.wide { overflow-x: auto } svg { display: block } .number { text-align: right }
.met { fill: var(--met) } .warning { fill: var(--warning) }
.critical { fill: var(--closed) } .unasked { fill: var(--soft) }
.curve { fill: none; stroke: var(--curve); stroke-width: 1.4 }
.most { stroke: var(--soft); stroke-dasharray: 3 3 }
b.warning { color: var(--warning) } b.critical { color: var(--closed) }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One expectation as people read it."""

    name: str
    description: str
    severity: str
    figure: bool
    """Whether a figure of the whole increment is judged, and not each row."""
    most: float | None


@dataclass(frozen=True, slots=True)
class Axis:
    """Where hours lie in a strip, the newest on the right."""

    now: datetime
    shown: timedelta

    @classmethod
    def over(cls, hours: Iterable[Hour], now: datetime) -> Self:
        """Return one from the oldest hour on, a day at least and `SHOWN` at most."""
        oldest = min((moment(each) for each in hours), default=now)
        return cls(now, min(SHOWN, max(LEAST_SHOWN, now - oldest)))

    @property
    def step(self) -> int:
        """Pixels of an hour."""
        return WIDTH // (int(self.shown / timedelta(hours=1)) or 1)

    @property
    def since(self) -> str:
        """How long ago it begins, in words."""
        hours = int(self.shown / timedelta(hours=1))
        return f"{hours // 24} days ago" if hours >= 48 else f"{hours} hours ago"

    def place(self, hour: Hour) -> int:
        """Return where an hour begins, in pixels."""
        ago = int((self.now - moment(hour)) // timedelta(hours=1))
        return WIDTH - self.step * (ago + 1)


def moment(hour: Hour) -> datetime:
    return datetime.fromisoformat(f"{hour.hour}:00+00:00")


def asked(suites: Sequence[str] = GATE) -> list[Asked]:
    """Return every expectation of the gate, those of whole increments first.

    Or those of other suites, if they are named.
    """
    return [
        Asked(
            name=str(told["column"]),
            description=str(each.description),
            severity=str(getattr(each.severity, "value", each.severity)),
            figure=suite != ROWS,
            most=told.get("max_value"),
        )
        for suite in suites
        for each in all_suites()[suite]
        for told in [each.configuration.kwargs]
    ]


def write(page: Path, folder: Path, exchanges: Sequence[str], now: datetime) -> None:
    """Write the page of what these lanes' gates noted, and looks at what they wrote."""
    of_gates = asked()
    suites = {each: of_gates for each in exchanges}
    suites |= {each.label: asked((each.suite,)) for each in inspected()}
    told = {name: gate_digest.hours(folder, name) for name in suites}
    page.write_text(shown({name: h for name, h in told.items() if h}, suites, now))


def shown(
    told: Mapping[str, Sequence[Hour]],
    suites: Mapping[str, Sequence[Asked]],
    now: datetime,
) -> str:
    """Return the page as HTML that needs nothing else.

    `told` has the hours, and `suites` the expectations, of each lane and table.
    """
    axis = Axis.over((hour for hours in told.values() for hour in hours), now)
    body = "".join(
        lane(name, [h for h in hours if axis.place(h) >= 0], suites[name], axis)
        for name, hours in told.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Gates over time</title><style>{STYLE}</style>"
        "<h1>Gates over time</h1>"
        f"<p>By the hour, up to {now:%Y-%m-%d %H:%M} UTC, {SHOWN.days} days at most. "
        "A curve is the highest that was measured: a figure, or rows at fault. Dashed "
        "is what may "
        'be. Colour marks hours in which a gate found it not met. <a href="index.html">'
        "Single gates</a> have the rest.</p>"
        f"{body or '<p>No gate was asked yet: the first lane run asks one.</p>'}</html>"
    )


def lane(
    name: str, hours: Sequence[Hour], expectations: Sequence[Asked], axis: Axis
) -> str:
    """Return the part of one lane or table; what was asked of it in these days."""
    gates = sum(hour.gates for hour in hours)
    outcomes = ", ".join(
        f"{sum(hour.outcomes.get(outcome, 0) for hour in hours):,} {said}"
        for outcome, said in (
            ("passed", "passed"),
            ("warning", "with a warning"),
            ("closed", "closed"),
            ("failed", "failed"),
            ("error", "could not be asked"),
        )
    )
    rows = "".join(row(each, hours, axis) for each in expectations)
    return (
        f"<h2>{escape(name)}</h2><p>{gates:,} gates: {outcomes}.</p>"
        f'<div class="wide"><table><tr><th>Expectation<th>{axis.since} to now'
        '<th class="number">Not met<th>Last not met</tr>'
        f"{rows}</table></div>"
    )


def row(each: Asked, hours: Sequence[Hour], axis: Axis) -> str:
    """Return one expectation of a lane."""
    not_met = [hour for hour in hours if each.name in hour.not_met]
    times = sum(hour.not_met[each.name] for hour in not_met)
    last = f"{not_met[-1].hour.replace('T', ' ')}:00" if not_met else "never"
    said = f'<b class="{each.severity}">{times:,}</b>' if times else "0"
    return (
        f"<tr><td>{escape(each.description)}<br><small>{escape(each.name)}, "
        f"{each.severity}</small><td>{strip(each, hours, axis)}"
        f'<td class="number">{said}<td>{last}</tr>'
    )


def strip(each: Asked, hours: Sequence[Hour], axis: Axis) -> str:
    """Return the hours of one expectation as SVG, the newest on the right."""
    states = [(axis.place(hour), state(each, hour)) for hour in hours]
    bars = "".join(bars_of(states, axis.step))
    highs = [
        (axis.place(hour), hour.measured.get(each.name, [0.0, 0.0])[1])
        for hour in hours
    ]
    most = each.most if each.figure else None
    top = max([high for _, high in highs] + [most or 0.0]) * 1.1 or 1.0

    def y(value: float) -> float:
        return round((HEIGHT - 8) * (1 - value / top) + 1, 1)

    curve = ""
    if any(high for _, high in highs):
        points = " ".join(f"{x + axis.step / 2:g},{y(high)}" for x, high in highs)
        curve = f'<polyline class="curve" points="{points}"/>'
    line = (
        f'<line class="most" x2="{WIDTH}" y1="{y(most)}" y2="{y(most)}"/>'
        if most
        else ""
    )
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(each.name)} over time">{bars}{line}'
        f"{curve}</svg>"
    )


def bars_of(states: Sequence[tuple[int, str]], step: int) -> Sequence[str]:
    """Return a bar for each row of neighbouring hours of the same state."""
    found = []
    runs = groupby(enumerate(states), lambda at: (at[1][1], at[1][0] - step * at[0]))
    for (said, _), group in runs:
        places = [x for _, (x, _) in group]
        tall = 4 if said == "met" else HEIGHT
        found.append(
            f'<rect class="{said}" x="{places[0]}" y="{HEIGHT - tall}" '
            f'width="{places[-1] - places[0] + step}" height="{tall}"/>'
        )
    return found


def state(each: Asked, hour: Hour) -> str:
    """Return the class of an hour's bar."""
    if each.name in hour.not_met:
        return each.severity
    return "unasked" if hour.outcomes.get("error") == hour.gates else "met"
