"""Which feed was asked for, and the feeds of all exchanges that it has."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from simulator.dialect import all_dialects
from simulator.feed import Feed
from simulator.recorded import FULL, Recorded
from simulator.recording import recordings
from simulator.simulated import Simulated, segments_of
from simulator.state import Keep


def speed_of(text: str) -> float:
    """Return how many times faster than life; `full` has no clock at all.

    Raises:
        ValueError: the text is neither `full` nor a number above zero.
    """
    if text == "full":
        return FULL
    try:
        speed = float(text.lower().removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise ValueError(f"--speed is `full` or a number above 0 such as 1, not {text}")
    return speed


def feeds(
    feed: str,
    *,
    state: Path | None,
    rate: float | None = None,
    seed: int | None = None,
    speed: str = "full",
    retime: bool = False,
    exchanges: Sequence[str] = (),
) -> Mapping[str, Feed]:
    """Return the feed of each exchange; of these alone, where trades are simulated.

    Raises:
        ValueError: what was asked for cannot be; the message says why.
    """
    kind, _, path = feed.partition("=")
    if kind == "simulated" and not path:
        keep = Keep.at(state, "simulated")
        segments = segments_of(keep, rate, seed, time.time_ns())
        spoken = all_dialects()
        if unknown := set(exchanges) - set(spoken):
            raise ValueError(
                f"--exchanges names {', '.join(sorted(unknown))}; "
                f"there are: {', '.join(spoken)}"
            )
        return {
            name: Simulated(name, spoken[name].markets, keep, segments)
            for name in exchanges or spoken
        }
    if kind == "recorded" and path:
        keep = Keep.at(state, "recorded")
        pace = speed_of(speed)
        return {
            one.exchange: Recorded(one, keep, speed=pace, retime=retime)
            for one in recordings(Path(path).expanduser())
        }
    raise ValueError(f"--feed is `simulated` or `recorded=PATH`, not {feed}")
