"""What is traded on the simulated Coinbase."""

from simulator.market import Market

MARKETS = (
    Market(
        symbol="BTC-USD",
        base="BTC",
        quote="USD",
        price=84_000,
        tick_decimals=2,
        price_decimals=2,
        share=0.15,
        first_id=900_000_000,
    ),
    Market(
        symbol="ETH-USD",
        base="ETH",
        quote="USD",
        price=2_900,
        tick_decimals=2,
        price_decimals=2,
        share=0.10,
        first_id=700_000_000,
    ),
    Market(
        symbol="SOL-USD",
        base="SOL",
        quote="USD",
        price=135,
        tick_decimals=2,
        price_decimals=2,
        share=0.07,
        first_id=300_000_000,
    ),
)
