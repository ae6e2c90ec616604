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
    """The part of all trades that happens here."""
    first_id: int
    """The id of the first trade of 2026, above those of the recordings."""
    whole_ms: bool = False


MARKETS = {
    "binance": (
        Market(
            symbol="BTCUSDT",
            base="BTC",
            quote="USDT",
            price=84_000,
            tick_decimals=2,
            price_decimals=8,
            share=0.35,
            first_id=6_000_000_000,
            whole_ms=True,
        ),
        Market(
            symbol="ETHUSDT",
            base="ETH",
            quote="USDT",
            price=2_900,
            tick_decimals=2,
            price_decimals=8,
            share=0.20,
            first_id=3_000_000_000,
            whole_ms=True,
        ),
        Market(
            symbol="SOLUSDT",
            base="SOL",
            quote="USDT",
            price=135,
            tick_decimals=2,
            price_decimals=8,
            share=0.10,
            first_id=1_600_000_000,
            whole_ms=True,
        ),
    ),
    "kraken": (
        Market(
            symbol="BTC/USD",
            base="BTC",
            quote="USD",
            price=84_000,
            tick_decimals=1,
            price_decimals=1,
            share=0.18,
            first_id=110_000_000,
        ),
        Market(
            symbol="ETH/USD",
            base="ETH",
            quote="USD",
            price=2_900,
            tick_decimals=2,
            price_decimals=2,
            share=0.10,
            first_id=80_000_000,
        ),
        Market(
            symbol="BTC/USDT",
            base="BTC",
            quote="USDT",
            price=84_000,
            tick_decimals=1,
            price_decimals=1,
            share=0.07,
            first_id=20_000_000,
        ),
    ),
}
