"""What is traded on the simulated Bybit."""

from simulator.market import Market

MARKETS = (
    Market(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price=84_000,
        tick_decimals=1,
        price_decimals=1,
        share=0.15,
        first_id=2_290_000_000_000_000_000,
        whole_ms=True,
    ),
    Market(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        price=2_900,
        tick_decimals=2,
        price_decimals=2,
        share=0.10,
        first_id=2_290_000_001_000_000_000,
        whole_ms=True,
    ),
    Market(
        symbol="SOLUSDT",
        base="SOL",
        quote="USDT",
        price=135,
        tick_decimals=2,
        price_decimals=2,
        share=0.07,
        first_id=2_290_000_002_000_000_000,
        whole_ms=True,
    ),
)
