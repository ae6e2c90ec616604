"""What is traded on the simulated Binance."""

from simulator.market import Market

MARKETS = (
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
)
