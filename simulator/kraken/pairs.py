"""Kraken's four names of a pair: v2, internal, `altname` and the old `wsname`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A pair as `AssetPairs` and `instrument` describe it."""

    symbol: str
    internal: str
    altname: str
    wsname: str
    base: str
    quote: str
    decimals: int

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names under which REST knows the pair."""
        return (self.internal, self.altname, self.wsname, self.symbol)


PAIRS = (
    Pair(
        symbol="BTC/USD",
        internal="XXBTZUSD",
        altname="XBTUSD",
        wsname="XBT/USD",
        base="XXBT",
        quote="ZUSD",
        decimals=1,
    ),
    Pair(
        symbol="ETH/USD",
        internal="XETHZUSD",
        altname="ETHUSD",
        wsname="ETH/USD",
        base="XETH",
        quote="ZUSD",
        decimals=2,
    ),
    Pair(
        symbol="BTC/USDT",
        internal="XBTUSDT",
        altname="XBTUSDT",
        wsname="XBT/USDT",
        base="XXBT",
        quote="USDT",
        decimals=1,
    ),
)


def pair_named(name: str) -> Pair:
    """Return the pair with any of these names.

    Raises:
        KeyError: no pair here is called so.
    """
    for pair in PAIRS:
        if name in pair.names:
            return pair
    raise KeyError(f"no pair is called {name}; known are {[p.internal for p in PAIRS]}")
