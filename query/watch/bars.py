"""How late, silent or far behind something may be before it is an incident."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


class SettingRefused(ValueError):
    """A setting of the watch that cannot be used; the message says what to type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Seconds, but for `lag_messages`.

    Bronze, silver and gold are held to 10, 30 and 60 s at the 95th percentile; one look
    sees one moment, so that an alarm takes three times as long, and has to hold.
    """

    bronze_s: float = 30
    silver_s: float = 90
    gold_s: float = 180
    silence_s: float = 120
    """Without any message of an exchange in Kafka."""
    gap_s: float = 1800
    """A hole in the trade ids may be open for so long before a person is told."""
    lag_messages: int = 100_000
    """What bronze reads in some two seconds where it reaches its bar."""
    open_after_s: float = 45
    """Each look must have seen it for so long before it is told of.

    Looks are a minute apart, give or take some seconds: it takes two of the watch's.
    """
    close_after_s: float = 45
    """No look may have seen it for so long before its end is told."""

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Return what the environment asks for.

        Raises:
            SettingRefused: a bar is no number above 0.
        """
        usual = cls()
        return cls(
            bronze_s=number(env, "BULLION_WATCH_BRONZE_S", usual.bronze_s),
            silver_s=number(env, "BULLION_WATCH_SILVER_S", usual.silver_s),
            gold_s=number(env, "BULLION_WATCH_GOLD_S", usual.gold_s),
            silence_s=number(env, "BULLION_WATCH_SILENCE_S", usual.silence_s),
            gap_s=number(env, "BULLION_WATCH_GAP_S", usual.gap_s),
            lag_messages=int(
                number(env, "BULLION_WATCH_LAG_MESSAGES", usual.lag_messages)
            ),
            open_after_s=held(env, "BULLION_WATCH_OPEN_AFTER_S", usual.open_after_s),
            close_after_s=held(env, "BULLION_WATCH_CLOSE_AFTER_S", usual.close_after_s),
        )


def number(env: Mapping[str, str], name: str, usual: float) -> float:
    """Return a setting as a number above 0; the usual one where nothing is said."""
    text = env.get(name) or str(usual)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise SettingRefused(
            f"{name} is {text!r}: set it to a number above 0, or leave it out for "
            f"{usual:g}"
        )
    return value


def held(env: Mapping[str, str], name: str, usual: float) -> float:
    """Return how long something has to hold, in seconds; 0 asks for no time at all."""
    text = env.get(name, "").strip()
    return 0.0 if text in ("0", "0.0") else number(env, name, usual)
