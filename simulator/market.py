"""What is traded here: names, decimals and prices near those of the real markets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One symbol of one exchange in the simulated feed."""

    symbol: str
    base: str
    quote: str
    price: float
    """The middle around which the price swings, never by a factor above 1.5."""
    tick_decimals: int
    """The smallest step of the price."""
    price_decimals: int
    """The decimals that the exchange prints."""
    share: float
    """Of the rate that was asked for, how much happens here.

    Binance and Kraken have all of it; other exchanges come on top.
    """
    first_id: int
    """The id of the first trade of 2026, above those of the recordings."""
    whole_ms: bool = False
