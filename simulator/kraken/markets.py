"""What is traded on the simulated Kraken."""

from simulator.market import Market

MARKETS = (
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
)
