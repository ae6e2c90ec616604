"""How long the exchanges wait, and how much they bear; tests scale all of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Intervals in seconds, and limits, as the exchanges document them."""

    ping_every: float = 20
    pong_within: float = 60
    life: float = 24 * 3600
    heartbeat_every: float = 1
    idle_for: float = 60
    messages_per_second: int = 5
    streams: int = 1024
    weight_per_minute: int = 6000
    scale: float = 1
    """What intervals that one exchange alone knows are multiplied by."""
    save_every: float = 0.5
    settle: float = 2
    """When a recording's reader goes, what it read in these seconds comes again."""
