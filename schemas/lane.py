"""How lanes are made: which table is streamed into which, and through what points."""

STREAMED = (("bronze.trades", "silver.trades"), ("silver.trades", "gold.trades"))
"""What is read, and the table whose stream reads it, in the order of a run."""
POINTS = {
    "silver.trades": (
        "before silver.trades",
        "after silver.trades",
        "before silver.dead_letters",
        "after silver.dead_letters",
        "before silver.accounting",
        "before the commit log",
    ),
    "gold.trades": (
        "before gold.trades",
        "after gold.trades",
        "before silver.dead_letters",
        "after silver.dead_letters",
        "between the tables",
        "after gold.candles_1m",
        "before gold.accounting",
        "before the commit log",
    ),
    "gold.candles": (
        "after gold.candles_5m",
        "after gold.candles_1h",
        "after gold.candles_1d",
    ),
    "gold.gaps": ("between gaps and ranges",),
}
"""Every point of each app at which a driver can be made to die."""


def readers(address: str) -> tuple[str, ...]:
    """Return the addresses of the tables whose streams read this one."""
    return tuple(reader for source, reader in STREAMED if source == address)
